#!/usr/bin/env escript
%% Erlang's ssl as a peer of the matrix: `server SUITE IDENTITY KEY` or `client PORT SUITE IDENTITY KEY`, the key in hex.
%% A server says its port, then says back what it is told, and waits to be stopped, for its close_notify goes out in
%% the background. A client sends the lines that are typed, prints what comes, and closes well at the end of its input.

main(["suites"]) ->
    {ok, _} = application:ensure_all_started(ssl),
    [io:format("~s~n", [ssl:suite_to_str(Suite)])
     || Kind <- [all, exclusive_anonymous], Suite <- ssl:cipher_suites(Kind, 'tlsv1.2')],
    io:format("version ~s~n", [erlang:system_info(otp_release)]);
main(["server" | Rest]) ->
    {ok, Listener} = ssl:listen(0, [{reuseaddr, true}, {ip, {127, 0, 0, 1}} | options(Rest)]),
    {ok, {_, Port}} = ssl:sockname(Listener),
    io:format("port ~b~n", [Port]),
    {ok, Transport} = ssl:transport_accept(Listener),
    {ok, Socket} = ssl:handshake(Transport),
    echo(Socket);
main(["client", Port | Rest]) ->
    {ok, Socket} = ssl:connect({127, 0, 0, 1}, list_to_integer(Port), options(Rest)),
    Reader = self(),
    spawn_link(fun() -> type(Socket, Reader) end),
    print(Socket).

options([Name, Identity, Key]) ->
    {ok, _} = application:ensure_all_started(ssl),
    Secret = binary:decode_hex(list_to_binary(Key)),
    [binary, {active, true}, {versions, ['tlsv1.2']}, {ciphers, [ssl:str_to_suite(Name)]}, {verify, verify_none},
     {psk_identity, Identity}, {user_lookup_fun, {fun(psk, _, Known) -> {ok, Known} end, Secret}}].

echo(Socket) ->
    receive
        {ssl, Socket, Data} -> ok = ssl:send(Socket, Data), echo(Socket);
        {ssl_closed, Socket} -> timer:sleep(infinity)
    end.

type(Socket, Reader) ->
    case io:get_line("") of
        eof -> Reader ! over;
        Line -> ok = ssl:send(Socket, Line), type(Socket, Reader)
    end.

print(Socket) ->
    receive
        {ssl, Socket, Data} -> io:put_chars(Data), print(Socket);
        {ssl_closed, Socket} -> ok;
        over -> ssl:close(Socket)
    end.
