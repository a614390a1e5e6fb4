#!/usr/bin/env python3
"""server.py CERTIFICATES: peers for drive.c, well-behaved and otherwise.

Prints one line, the ports by name, and ends when its standard input does.  It
listens on loopback only.  What it does is said by the path of an HTTP request,
and for mail by the name that the client greets with, the path of its URL.
CERTIFICATES is a folder with NAME.pem (certificate and key) for each TLS port.
"""
import asyncio
import email.utils
import gzip
import itertools
import json
import os
import random
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

folder = sys.argv[1]
mails = []
serial = itertools.count(1)


def response(status, body=b"", *headers):
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % len(body), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def date_in(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


OK = response("200 OK", b"ok")
FIXED = {
    "/500": response("500 Oops", b"broken"),
    "/503": response("503 Busy"),
    "/410": response("410 Gone"),
    "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/429/seconds": response("429 Slow", b"", "Retry-After: 17"),
    "/429/huge": response("429 Slow", b"", "Retry-After: 99999999999999999999999"),
    "/429/negative": response("429 Slow", b"", "Retry-After: -5"),
    "/429/words": response("429 Slow", b"", "Retry-After: in a while"),
    "/429/past": response("429 Slow", b"", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
    "/redirect": response("302 Found", b"", "Location: http://169.254.169.254/latest/meta-data/"),
    "/redirect/file": response("301 Moved", b"", "Location: file:///etc/passwd"),
    "/full": response("200 OK", b"x" * 65536),
    "/over": response("200 OK", b"x" * 65537),
    "/gzip": response("200 OK", gzip.compress(b"0" * 1000000), "Content-Encoding: gzip"),
    "/interim": b"HTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\n" * 3 + OK,
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\nok\r\n0\r\nRetry-After: 5\r\n\r\n",
    "/control": b"HTTP/1.1 200 \x1b[31m\x07\r\nContent-Length: 3\r\n\r\n\x00\xff\x1b",
}

# Sent, and then the connection is closed.
BROKEN = {
    "/half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.",
    "/half/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nten bytes.",
    "/half/head": b"HTTP/1.1 200 OK\r\nContent-Len",
    "/half/line": b"HTTP/1.1 2",
    "/half/lines": b"HTTP/1.1 200 OK\r\nX-A: b\r\n",
    "/nothing": b"",
    "/garbage": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\x1b[31m\r\n",
    "/09": b"hello, this is HTTP/0.9\n",
    "/09/html": b"<html>hello</html>",
    "/status": b"HTTP/1.1 99999 What\r\n\r\n",
    "/status/word": b"HTTP/1.1 abc OK\r\n\r\n",
    "/version": b"HTTP/7.3 200 OK\r\nContent-Length: 0\r\n\r\n",
    "/length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
    "/length/two": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "/chunk/size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
    "/chunk/huge": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "/nul": b"HTTP/1.1 200 OK\r\nX-A: b\x00c\r\nContent-Length: 2\r\n\r\nok",
    "/folded": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
}

# Sent again and again, after a beginning.
ENDLESS = {
    "/endless": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "/endless/chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                        b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "/gigabyte": (b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"x" * 65536),
    "/endless/head": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "/endless/line": (b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 65536),
    "/endless/interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "/endless/trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                         b"X-A: b\r\n" * 1000),
    "/endless/extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;",
                           b"x" * 65536),
}


PIECES = (b"\r\n", b"\r\n\r\n", b"\n", b"\0", b":", b" ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Content-Length: 7\r\n", b"Retry-After: ", b"ffffffff\r\n",
          b"0\r\n\r\n", b"Connection: close\r\n", b"\xff\xfe", b"x" * 5000, b"-1", b"9" * 30)


def mutated(seed):
    """An answer that was right once, or nearly; the same for the same seed."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(list(FIXED.values()) + list(BROKEN.values()))[:3000])
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, min(len(data), chance.choice((20, 80, 3000))))
        to = at + chance.randint(0, 10)
        data[at:to] = chance.choice((b"", bytes([chance.randint(0, 255)]), chance.choice(PIECES),
                                     data[at:to] * 2))
    return bytes(data)


class Http(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.number = next(serial)
        self.pending = b""
        self.writable = True

    def data_received(self, data):
        self.pending += data
        while True:
            head, blank, rest = self.pending.partition(b"\r\n\r\n")
            if not blank:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self.pending = rest[length:]
            self.answer(head, rest[:length])

    def answer(self, head, body):
        send = self.transport.write
        path = head.split(b" ", 2)[1].decode()
        if path == "/200":
            send(OK)
        elif path in FIXED:
            send(FIXED[path])
        elif path in BROKEN:
            send(BROKEN[path])
            self.transport.close()
        elif path in ENDLESS:
            send(ENDLESS[path][0])
            asyncio.ensure_future(self.repeat(ENDLESS[path][1]))
        elif path == "/trickle":
            send(b"HTTP/1.1 200 OK\r\n\r\n")
            asyncio.ensure_future(self.repeat(b"x", 0.1))
        elif path.startswith("/mutated/"):
            send(mutated(path))
            self.transport.close()
        elif path == "/reset":
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif path == "/429/date":
            send(response("429 Slow", b"", "Retry-After: " + date_in(120)))
        elif path == "/429/far":
            send(response("429 Slow", b"", "Retry-After: " + date_in(864000)))
        elif path == "/echo":
            send(response("200 OK", head + b"\r\n\r\n" + body))
        elif path == "/echo/length":
            send(response("200 OK", b"%d" % len(body)))
        elif path == "/connection":
            send(response("200 OK", b"%d" % self.number))
        elif path == "/once":
            send(response("200 OK", b"%d" % self.number, "Connection: close"))
            self.transport.close()
        elif path == "/mails":
            send(response("200 OK", json.dumps(mails).encode()))
        elif path != "/hang":
            send(response("404 No"))

    def pause_writing(self):
        self.writable = False

    def resume_writing(self):
        self.writable = True

    async def repeat(self, data, pause=0.0):
        while not self.transport.is_closing():
            if self.writable:
                self.transport.write(data)
            await asyncio.sleep(pause or 0.001 * (not self.writable))


class Mail(socketserver.StreamRequestHandler):
    """A mail server; it is as bad as the client's name for itself asks for."""

    def handle(self):
        self.mail = {"tls": self.server.context is not None, "user": None, "rcpt": [],
                     "from": None, "data": None, "quit": False, "eof": False}
        mails.append(self.mail)
        self.mode = ""
        if self.server.context:
            self.secure(self.server.context)
        try:
            self.say("554 no" if self.server.name == "smtp_closed" else "220 hello")
            while True:
                line = self.rfile.readline(2000)
                if not line:
                    self.mail["eof"] = True
                    return
                if not self.obey(*(line.decode("latin-1").strip().split(" ", 1) + [""])[:2]):
                    return
        except OSError:
            pass

    def secure(self, context):
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.mail["tls"] = True

    def say(self, line):
        self.connection.sendall(line.encode() + b"\r\n")

    def obey(self, verb, rest):
        verb = verb.upper()
        if verb in ("EHLO", "HELO"):
            self.mode = rest
            if rest == "old" and verb == "EHLO":
                self.say("502 what")
                return True
            if rest == "chatty":
                while True:
                    self.say("250-" + "x" * 500)
            self.say("250-here")
            if self.server.starttls and not self.mail["tls"] and rest != "notls":
                self.say("250-STARTTLS")
            self.say("250 AUTH PLAIN LOGIN" if verb == "EHLO" else "250 ok")
        elif verb == "STARTTLS":
            self.say("220 go" if self.mode != "sorry" else "454 not now")
            if self.mode != "sorry":
                self.secure(self.server.starttls)
        elif verb == "AUTH":
            self.authenticate(rest)
        elif verb == "MAIL":
            self.mail["from"] = rest
            self.say("250 ok")
        elif verb == "RCPT":
            if "nobody@" in rest:
                self.say("550 5.1.1 nobody \x1b[31m here")
            else:
                self.mail["rcpt"].append(rest)
                self.say("250 ok")
        elif verb == "DATA":
            if self.mode == "silent":
                time.sleep(5)
            self.take_data()
        elif verb == "QUIT":
            self.mail["quit"] = True
            if self.mode == "mute":
                time.sleep(5)
            self.say("221 bye")
            return False
        else:
            self.say("500 what")
        return True

    def authenticate(self, rest):
        import base64
        how, _, given = rest.partition(" ")
        if not given:
            self.say("334 ")
            given = self.rfile.readline().decode().strip()
        _, user, password = base64.b64decode(given).decode().split("\0")
        right = password == "s3cret-word"
        self.mail["user"] = user if right else None
        self.say("235 welcome" if right else "535 5.7.8 not you")

    def take_data(self):
        self.say("354 go")
        data = b""
        while not data.endswith(b"\r\n.\r\n"):
            more = self.rfile.readline()
            if not more:
                return
            data += more
            if self.mode == "hasty":
                raise OSError
        self.mail["data"] = data.decode("latin-1")
        self.say("250 2.0.0 queued" if self.mode != "full" else "452 4.3.1 full")


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 100

    def __init__(self, name, context=None, starttls=None):
        super().__init__(("127.0.0.1", 0), Mail)
        self.name, self.context, self.starttls = name, context, starttls
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


def context_of(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, name + ".pem"))
    return context


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    ports = {}
    kept = []

    async def listen(name, host="127.0.0.1", context=None):
        kept.append(await loop.create_server(Http, host, 0, ssl=context, backlog=1000))
        ports[name] = kept[-1].sockets[0].getsockname()[1]

    await listen("http")
    try:
        await listen("http6", "::1")
    except OSError:
        ports["http6"] = 0
    for name in ("good", "wrong", "expired", "strange"):
        await listen(name, context=context_of(name))
    # Accepts, and says nothing, not even TLS's first word; and one that refuses.
    mute = socket.create_server(("127.0.0.1", 0), backlog=1000)
    ports["mute"] = mute.getsockname()[1]
    closed = socket.create_server(("127.0.0.1", 0))
    ports["closed"] = closed.getsockname()[1]
    closed.close()
    good = context_of("good")
    for server in (MailServer("smtp"), MailServer("smtp_closed"),
                   MailServer("starttls", starttls=good),
                   MailServer("starttls_expired", starttls=context_of("expired")),
                   MailServer("smtps", context=good)):
        ports[server.name] = server.server_address[1]
    print(" ".join("%s=%d" % item for item in ports.items()), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
