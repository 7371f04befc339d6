"""slixmpp: STARTTLS, a login, a message to itself."""

import asyncio
import sys

from slixmpp import ClientXMPP

port, ca = sys.argv[1:]


async def main() -> None:
    client = ClientXMPP("user@localhost/one", "password")
    client.ca_certs = ca
    received: asyncio.Queue[str] = asyncio.Queue()
    client.add_event_handler("session_start", lambda _: client.send_presence())
    client.add_event_handler("message", lambda message: received.put_nowait(message["body"]))
    client.add_event_handler(
        "session_start", lambda _: client.send_message(mto="user@localhost/one", mbody="m" * 100_000)
    )
    client.connect("localhost", int(port))
    assert await asyncio.wait_for(received.get(), 30) == "m" * 100_000
    await client.disconnect()


asyncio.run(main())
