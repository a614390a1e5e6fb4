#!/usr/bin/env python3
"""receive: prints the webhooks and mails that reach this machine, to look at.

    python3 doc/receive.py [HTTP PORT] [SMTP PORT]

It listens on 127.0.0.1, port 8080 for webhooks and 2525 for mail (without TLS),
and answers 200, or 250, to all of them.  Ctrl-C ends it.
"""

import asyncio
import sys


async def webhook(reader, writer):
    """Requests of one connection, one after the other."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            print(head.decode().replace("\r\n", "\n") + body.decode(), end="\n\n", flush=True)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 15\r\n\r\n{\"taken\": true}")
    except asyncio.IncompleteReadError:
        writer.close()


async def mail(reader, writer):
    """The commands of one connection (RFC 5321), as far as a friendly sender needs them."""
    writer.write(b"220 here\r\n")
    while line := (await reader.readline()).decode().rstrip("\r\n"):
        verb = line[:4].upper()
        if verb == "DATA":
            writer.write(b"354 go on\r\n")
            message = await reader.readuntil(b"\r\n.\r\n")
            print(message[:-5].decode().replace("\r\n..", "\r\n.").replace("\r\n", "\n"), end="\n\n", flush=True)
        writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 taken\r\n")
    writer.close()


async def main(http=8080, smtp=2525):
    servers = [await asyncio.start_server(webhook, "127.0.0.1", int(http)),
               await asyncio.start_server(mail, "127.0.0.1", int(smtp))]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        pass
