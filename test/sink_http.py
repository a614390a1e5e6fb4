"""The sink's ledger, its scripts of replies, and its HTTP server; see sink.py."""

import asyncio
import base64
import email.utils
import hashlib
import json
import os
import socket
import struct
import time

import standard_webhooks

LARGEST_HEAD = 1 << 18
LARGEST_BODY = 1 << 27
PIECE = bytes(1 << 16)


class Ledger:
    """One line of JSON for each thing received, on file before it is answered:
    one write to a file opened for appending, so that no line is ever torn by
    what happens to the sink or to its peer."""

    def __init__(self, path, cap):
        self.path = path
        self.cap = cap
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.lines = 0
        self.attempts = {}
        self.active_at = time.monotonic()

    def write(self, kind, **fields):
        self.lines += 1
        self.active_at = time.monotonic()
        line = {"seq": self.lines, "kind": kind, "at": time.time(), "mono": self.active_at}
        line.update(fields)
        os.write(self.file, json.dumps(line).encode() + b"\n")
        return self.lines

    def attempt(self, who):
        """The how-manieth time that it is seen."""
        if who is None:
            return None
        self.attempts[who] = self.attempts.get(who, 0) + 1
        return self.attempts[who]

    def body(self, body):
        """A body as the ledger holds it: its sum over all, its bytes up to the
        cap; in base64, for no JSON and no database takes any byte."""
        return {
            "body_sha": hashlib.sha256(body).hexdigest(), "body_length": len(body),
            "body_base64": base64.b64encode(body[:self.cap]).decode()}


class Script:
    """What to reply: by key (("path", "/x"), ("id", ...), ...) a sequence, whose
    last repeats.  Whoever asks under a key goes through it from its start."""

    def __init__(self):
        self.rules = {}

    def set(self, key, replies, shared):
        self.rules[key] = (replies, {}, shared)

    def find(self, *keys):
        for key in keys:
            if key in self.rules:
                return self.rules[key]
        return None

    @staticmethod
    def peek(rule, who):
        replies, used, shared = rule
        return replies[min(used.get(None if shared else who, 0), len(replies) - 1)]

    @classmethod
    def take(cls, rule, who):
        reply = cls.peek(rule, who)
        who = None if rule[2] else who
        rule[1][who] = rule[1].get(who, 0) + 1
        return reply


REASONS = {
    200: "OK", 202: "Accepted", 204: "No Content", 302: "Found", 307: "Temporary Redirect",
    404: "Not Found", 410: "Gone", 429: "Too Many Requests", 500: "Internal Server Error",
    503: "Service Unavailable"}
NO_BODY = (204, 304)


class Reply:
    """A reply as scripted: a status, a mode's name, or an object of

    status, reason, headers {name: value or [values]}, body | body_base64 | json
    retry_after (seconds), retry_after_date (the same as a date)
    close       the connection afterwards
    delay       seconds before the first byte
    hold        a name: wait until the command "release" names it
    early       reply when the head is read, and read no more
    mode        how to misbehave, see pieces(); with bytes, interval, seconds
    """

    def __init__(self, spec):
        if isinstance(spec, int) or isinstance(spec, str) and spec.isdigit():
            spec = {"status": int(spec)}
        elif isinstance(spec, str):
            spec = {"mode": spec}
        self.spec = spec
        self.status = spec.get("status", 200)
        self.mode = spec.get("mode", "raw" if "raw" in spec or "raw_base64" in spec else None)
        if self.mode not in MODES:
            raise ValueError(f"no such mode: {self.mode}")
        self.said = None if self.mode in HEADLESS else self.status
        self.close = spec.get("close", False)
        self.early = spec.get("early", False)
        self.body = self.bytes_of("body", b"")
        if "json" in spec:
            self.body = json.dumps(spec["json"]).encode()
        # Most are the same bytes each time, and go the fast way.
        self.wire = None
        if not (self.mode or "delay" in spec or "hold" in spec or "retry_after_date" in spec):
            self.wire = self.head() + self.body

    def bytes_of(self, name, default=None):
        if name + "_base64" in self.spec:
            return base64.b64decode(self.spec[name + "_base64"])
        return self.spec[name].encode() if name in self.spec else default

    def head(self, length=None, *more):
        """The head, up to and with its empty line.  length False: it says none."""
        lines = [f"HTTP/1.1 {self.status} {self.spec.get('reason', REASONS.get(self.status, 'Status'))}"]
        for name, values in self.spec.get("headers", {}).items():
            for value in values if isinstance(values, list) else [values]:
                lines.append(f"{name}: {value}")
        if "retry_after" in self.spec:
            lines.append(f"Retry-After: {self.spec['retry_after']}")
        if "retry_after_date" in self.spec:
            at = time.time() + self.spec["retry_after_date"]
            lines.append(f"Retry-After: {email.utils.formatdate(at, usegmt=True)}")
        if "json" in self.spec:
            lines.append("Content-Type: application/json")
        if length is not False and self.status not in NO_BODY:
            lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        if self.close:
            lines.append("Connection: close")
        lines.extend(more)
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"


# Those that begin with no head: nobody can have read a status.
HEADLESS = ("hang", "reset", "close", "endless_headers", "endless_interim", "garbage", "http09", "raw")

# The ways to end: as words among the pieces.  "hang" holds until the peer goes.
HANG, RESET, CLOSE = "hang", "reset", "close"


def forever(piece):
    while True:
        yield piece


def whole(reply):
    return [reply.head() + reply.body]


def half(reply):
    body = reply.body or b"x" * 1000
    return [reply.head(len(body)) + body[:len(body) // 2], CLOSE]


def huge(reply):
    size = reply.spec.get("bytes", 1 << 30)
    yield reply.head(size)
    for sent in range(0, size, len(PIECE)):
        yield PIECE[:size - sent]


def endless(reply):
    yield reply.head(False, "Transfer-Encoding: chunked")
    yield from forever(b"10000\r\n" + PIECE + b"\r\n")


def endless_headers(reply):
    yield reply.head()[:-2]
    yield from forever(b"X-More: %s\r\n" % (b"x" * 1000))


def huge_headers(reply):
    return [reply.head(None, "X-Huge: " + "x" * reply.spec.get("bytes", 1 << 20)) + reply.body]


def many_headers(reply):
    more = [f"X-{n}: x" for n in range(reply.spec.get("bytes", 1 << 20) // 10)]
    return [reply.head(None, *more) + reply.body]


def drip(reply):
    for byte in reply.head() + reply.body:
        yield bytes([byte])
        yield reply.spec.get("interval", 0.1)


MODES = {
    None: whole,
    "hang": lambda reply: [HANG],
    "hang_after_headers": lambda reply: [reply.head(1000), HANG],
    "hang_in_body": lambda reply: [reply.head(1000) + b"x", HANG],
    "reset": lambda reply: [RESET],
    "reset_after_headers": lambda reply: [reply.head(1000), 0.05, RESET],
    "close": lambda reply: [CLOSE],
    "half": half,
    "half_chunk": lambda reply: [
        reply.head(False, "Transfer-Encoding: chunked") + b"100\r\nhalf", CLOSE],
    "bad_chunk": lambda reply: [
        reply.head(False, "Transfer-Encoding: chunked") + b"-1\r\nzz\r\n", CLOSE],
    "until_close": lambda reply: [reply.head(False) + reply.body, CLOSE],
    "huge": huge,
    "endless": endless,
    "endless_headers": endless_headers,
    "endless_interim": lambda reply: forever(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
    "huge_headers": huge_headers,
    "many_headers": many_headers,
    "drip": drip,
    "garbage": lambda reply: [b"\x00\xff\x16\x03 no HTTP\r\n\r\n", CLOSE],
    "http09": lambda reply: [b"<html>no head at all</html>\n", CLOSE],
    "raw": lambda reply: [reply.bytes_of("raw"), CLOSE],
}


class Peer(asyncio.Protocol):
    """A connection: what HTTP and SMTP have in common, above all the playing of
    pieces in a task of its own, while what arrives meanwhile waits."""

    connections = 0

    def __init__(self, sink, port):
        Peer.connections += 1
        self.connection = Peer.connections
        self.sink, self.port = sink, port
        self.transport = self.playing = None
        self.buffer = bytearray()
        self.room = asyncio.Event()
        self.room.set()

    def connection_made(self, transport):
        self.transport = transport
        tls = transport.get_extra_info("ssl_object")
        self.facts = {
            "port": self.port, "connection": self.connection,
            "peer": "%s:%d" % transport.get_extra_info("peername")[:2],
            "to": "%s:%d" % transport.get_extra_info("sockname")[:2],
            "tls": tls.version() if tls else None}

    def data_received(self, data):
        self.buffer += data
        if not self.playing:
            self.work()
        elif len(self.buffer) > LARGEST_HEAD:
            self.transport.pause_reading()

    def pause_writing(self):
        self.room.clear()

    def resume_writing(self):
        self.room.set()

    def connection_lost(self, error):
        if self.playing:
            self.playing.cancel()
        self.gone()

    def play(self, seq, pieces, reply, keep):
        """Send the pieces; the ledger's line seq is about what they answer."""
        self.playing = asyncio.ensure_future(self.play_task(seq, pieces, reply, keep))

    async def play_task(self, seq, pieces, reply, keep):
        sent, how = 0, "the peer left"
        try:
            if "delay" in reply.spec:
                await asyncio.sleep(reply.spec["delay"])
            if "hold" in reply.spec:
                await self.sink.held(reply.spec["hold"]).wait()
            for piece in pieces:
                if piece in (RESET, CLOSE):
                    keep, how = False, piece
                    break
                if piece == HANG:
                    await asyncio.sleep(reply.spec.get("seconds", 1e6))
                    keep, how = False, CLOSE
                    break
                if isinstance(piece, (int, float)):
                    await asyncio.sleep(piece)
                    continue
                self.transport.write(piece)
                sent += len(piece)
                await asyncio.sleep(0)
                await self.room.wait()
                if reply.mode != "drip" and "interval" in reply.spec:
                    await asyncio.sleep(reply.spec["interval"])
            else:
                how = "done"
        finally:
            sent -= self.transport.get_write_buffer_size() if how == "the peer left" else 0
            self.sink.ledger.write("end", of=seq, sent=sent, how=how)
        self.playing = None
        if how == RESET:
            reset(self.transport.get_extra_info("socket"))
            self.transport.abort()
        elif not keep:
            self.transport.close()
        else:
            self.transport.resume_reading()
            self.work()


def reset(sock):
    """Closed after this, it sends RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Malformed(Exception):
    pass


def parse_head(head):
    """Method, target, version, and headers by name in lower case.  A header that
    comes twice has both values, with a line feed between, which no value holds."""
    if b"\0" in head:
        raise Malformed("NUL")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("request line")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name.strip() != name or "\n" in line or "\r" in line:
            raise Malformed("header")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = headers[name] + "\n" + value if name in headers else value
    return (*words, headers)


def parse_chunked(buffer):
    """The body, and the length of what encoded it; None while it is incomplete."""
    body, at = bytearray(), 0
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        try:
            size = int(bytes(buffer[at:end]).split(b";")[0], 16)
        except ValueError:
            raise Malformed("chunk") from None
        if size < 0:
            raise Malformed("chunk")
        at = end + 2
        if len(buffer) < at + size + 2:
            return None
        body += buffer[at:at + size]
        at += size + 2
        if size == 0:
            return bytes(body), at


class Http(Peer):
    head = None
    deaf = False
    requests = 0

    def work(self):
        """Answer every request that is complete."""
        try:
            while self.buffer and not self.playing:
                if self.head is None and not self.take_head():
                    return
                body = self.take_body()
                if body is None:
                    return
                self.answer(body, True)
        except Malformed as error:
            self.record(bytes(self.buffer), False, Reply(400), malformed=str(error))
            self.buffer.clear()
            self.head = None
            self.transport.write(b"HTTP/1.1 400 Malformed\r\nConnection: close\r\n\r\n")
            self.transport.close()

    def take_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > LARGEST_HEAD:
                raise Malformed("too long")
            return False
        method, target, version, headers = self.head = parse_head(self.buffer[:end])
        del self.buffer[:end + 4]
        self.path = target.partition("?")[0]
        self.id = headers.get("webhook-id") or headers.get("idempotency-key")
        self.rule = self.sink.rule_for(self.id, self.path)
        if self.sink.script.peek(self.rule, self.id).early:
            self.transport.pause_reading()
            self.answer(bytes(self.buffer), False)
            self.deaf = True
            return False
        if headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def take_body(self):
        headers = self.head[3]
        if headers.get("transfer-encoding", "").lower() == "chunked":
            found = parse_chunked(self.buffer)
            if found is None:
                return None
            body, length = found
        else:
            text = headers.get("content-length", "0")
            if not text.isdecimal() or int(text) > LARGEST_BODY:
                raise Malformed("content-length")
            length = int(text)
            if len(self.buffer) < length:
                return None
            body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return body

    def answer(self, body, complete):
        """Into the ledger, then the reply."""
        if self.port == "control":
            return self.answer_command(body)
        reply = self.sink.script.take(self.rule, self.id)
        seq = self.record(body, complete, reply)
        asked = self.head[3].get("connection", "").lower()
        keep = complete and not reply.close and asked != "close"
        self.head = None
        if reply.wire is not None and keep:
            self.transport.write(reply.wire)
        else:
            self.play(seq, MODES[reply.mode](reply), reply, keep)

    def answer_command(self, body):
        self.head = None
        try:
            reply = Reply({"json": self.sink.command(json.loads(body))})
        except Exception as error:
            reply = Reply({"status": 400, "json": {"error": str(error)}})
        self.transport.write(reply.wire)

    def record(self, body, complete, reply, **more):
        """A line about the request at hand, or about as much of it as came."""
        fields = dict(self.facts, complete=complete, **more)
        if reply:
            fields.update(status=reply.said, reply=reply.spec)
        if self.head:
            self.requests += 1
            method, target, version, headers = self.head
            fields.update(
                id=self.id, attempt=self.sink.ledger.attempt(self.id), request=self.requests,
                method=method, target=target, path=self.path, version=version, headers=headers)
            keys = self.sink.keys_for(self.path)
            if keys and complete:
                fields["signature"] = standard_webhooks.verify(
                    keys, headers, body, tolerance=self.sink.tolerance)
        return self.sink.ledger.write("http", **fields, **self.sink.ledger.body(body))

    def gone(self):
        if (self.head or self.buffer) and not self.deaf and self.port != "control":
            self.record(bytes(self.buffer), False, None)
