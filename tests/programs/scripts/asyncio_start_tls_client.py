"""StreamWriter.start_tls: the dialogue of SMTP before and after STARTTLS."""

import asyncio
import ssl
import sys

port, ca = sys.argv[1:]


async def command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> str:
    writer.write(line.encode() + b"\r\n")
    answer = ""
    while answer[3:4] != " ":
        answer = (await reader.readline()).decode()
    return answer


async def main() -> None:
    reader, writer = await asyncio.open_connection("localhost", int(port))
    assert (await reader.readline()).startswith(b"220 ")
    await command(reader, writer, "EHLO client.test")
    assert (await command(reader, writer, "STARTTLS")).startswith("220 ")
    await writer.start_tls(ssl.create_default_context(cafile=ca), server_hostname="localhost")
    assert (await command(reader, writer, "EHLO client.test")).startswith("250 ")
    assert (await command(reader, writer, "MAIL FROM:<one@client.test>")).startswith("250 ")
    assert (await command(reader, writer, "QUIT")).startswith("221 ")
    writer.close()
    await writer.wait_closed()


asyncio.run(main())
