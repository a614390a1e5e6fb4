#!/usr/bin/env python3
"""sink: the receiver of the tests: HTTP, HTTPS, SMTP and DNS on loopback, with
replies as scripted and a ledger of all that came.

    python3 -B test/sink.py FOLDER [--port NAME=NUMBER] [--address A] [--dns] ...

It writes one line to its standard output once it listens: {"pid", "ports":
{name: number}, "ca": file, "ledger": file}.  Then it takes commands, each a
line of JSON on its standard input, each answered by a line; the same by POST
to the port "control".  It ends when its standard input does, after --idle
seconds without anything to do, and in any case after --total seconds.

Commands ({"do": name, ...}; what comes later wins)

  script   path | id | recipient | port, replies [...], shared
           What to reply; see Reply in sink_http.py and SmtpReply in sink_mail.py.
           The sequence is gone through by each webhook-id on its own, or, if
           shared, by all together, as a port's always is; its last reply repeats.
           An id goes before its path; path "*" is any other.
           Without a script, path /do/503,hang,200 is such a sequence; all else
           gets 200.  A port's replies come before TLS and before HTTP, where
           they have a mode.
  secrets  path, secrets [...]: verify signatures.  tolerance: seconds, or null,
           of all paths
  dns      name, type (A, AAAA), replies [...]; see Dns in sink_names.py
  release  name: let replies go on that hold it
  forget   scripts, secrets and numbers of attempts
  status   {"lines": of the ledger}

Ports: http, https, https_expired, https_wrong_host, https_other_ca, smtp (with
STARTTLS), smtp_expired, smtps, smtps_wrong_host, control; and deaf (connects,
never speaks), full (does not even connect), closed (refuses).  dns, if asked
for.  The good certificate is for localhost, sink.test, *.sink.test, 127.0.0.1
and ::1.

The ledger, FOLDER/ledger.jsonl, has by kind: "http" (every request, also one
cut off: complete is false), "smtp" (every mail transaction), "auth", "dns",
"tls" (a handshake that failed), "turned_away" (by a port's script), "end" (how the reply to line "of" went, where
it was not sent in one piece).
"""

import sys

sys.dont_write_bytecode = True

import argparse
import asyncio
import fcntl
import ipaddress
import json
import os
import resource
import socket
import struct
import threading
import time

import standard_webhooks
from sink_http import CLOSE, HANG, MODES, RESET, Http, Ledger, Reply, Script, reset
from sink_mail import Smtp, SmtpReply
from sink_names import Certificates, Dns

DEFAULT = ([Reply(200)], {}, True)
UNSCRIPTED = "/do/"

SIOCGIFFLAGS, IFF_UP, IFF_LOOPBACK = 0x8913, 1, 8


def is_alone():
    """Is there no network here but loopback?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            answer = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("40s", name.encode()))
            if struct.unpack_from("H", answer, 16)[0] & (IFF_UP | IFF_LOOPBACK) == IFF_UP:
                return False
    return True


class Sink:
    # Each port: its protocol, its certificate, and whether TLS comes at once.
    PORTS = {
        "http": (Http, None, False), "control": (Http, None, False), "https": (Http, "good", True),
        "https_expired": (Http, "expired", True), "https_wrong_host": (Http, "wrong_host", True),
        "https_other_ca": (Http, "other_ca", True), "smtp": (Smtp, "good", False),
        "smtp_expired": (Smtp, "expired", False), "smtps": (Smtp, "good", True),
        "smtps_wrong_host": (Smtp, "wrong_host", True)}

    def __init__(self, options):
        os.makedirs(options.folder, exist_ok=True)
        self.options = options
        self.ledger = Ledger(os.path.join(options.folder, "ledger.jsonl"), options.cap)
        self.started = time.monotonic()
        self.credentials = options.user.split(":", 1)
        self.listening = []
        self.tasks = set()
        self.do_forget({})

    # What is asked of it.

    def command(self, command):
        self.ledger.active_at = time.monotonic()
        return getattr(self, "do_" + command["do"])(command) or {"ok": True}

    def do_script(self, command):
        kind = next(k for k in ("path", "id", "recipient", "port") if k in command)
        name = command[kind]
        smtp = kind == "recipient" or kind == "port" and self.PORTS[name][0] is Smtp
        replies = [(SmtpReply if smtp else Reply)(spec) for spec in command["replies"]]
        self.script.set((kind, name), replies, kind == "port" or command.get("shared", False))

    def do_dns(self, command):
        key = ("dns", command["name"].lower(), command.get("type", "A"))
        self.script.set(key, command["replies"], True)

    def do_secrets(self, command):
        keys = [standard_webhooks.key_of(secret) for secret in command["secrets"]]
        self.keys[command.get("path", "*")] = keys
        self.tolerance = command.get("tolerance", standard_webhooks.TOLERANCE)

    def do_release(self, command):
        self.held(command["name"]).set()

    def do_forget(self, command):
        self.script, self.keys, self.holds = Script(), {}, {}
        self.tolerance = standard_webhooks.TOLERANCE
        self.ledger.attempts.clear()

    def do_status(self, command):
        return {"lines": self.ledger.lines}

    # What its connections ask.

    def held(self, name):
        return self.holds.setdefault(name, asyncio.Event())

    def keys_for(self, path):
        return self.keys.get(path) or self.keys.get("*")

    def rule_for(self, name, path):
        rule = self.script.find(("id", name), ("path", path), ("path", "*"))
        if rule is None and path.startswith(UNSCRIPTED):
            try:
                replies = [Reply(word) for word in path[len(UNSCRIPTED):].split(",")]
            except ValueError:
                replies = [Reply(404)]
            self.script.set(("path", path), replies, False)
            rule = self.script.find(("path", path))
        return rule or DEFAULT

    # Its ports.

    def bind(self, name, kind=socket.SOCK_STREAM):
        """Sockets of one port at each address.  Only loopback, but for a network
        that consists of nothing else."""
        number = self.options.port.get(name, 0)
        sockets = []
        for address in self.options.address:
            if not (ipaddress.ip_address(address).is_loopback or is_alone()):
                sys.exit(f"sink: {address} is not loopback")
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, number))
            except OSError:
                # No IPv6 here, or the number is taken there: one address will do.
                if not sockets:
                    raise
                continue
            number = sock.getsockname()[1]
            sock.setblocking(False)
            sockets.append(sock)
        self.listening.extend(sockets)
        self.ports[name] = number
        return sockets

    async def listen(self):
        loop = asyncio.get_running_loop()
        self.ports = {}
        certificates = None if self.options.no_tls else Certificates(os.path.join(self.options.folder, "tls"))
        for name, (protocol, certificate, at_once) in self.PORTS.items():
            if certificate and not certificates and at_once:
                continue
            context = certificates.context(certificate) if certificate and certificates else None
            for sock in self.bind(name):
                sock.listen(1024)
                self.spawn(self.accept(sock, name, protocol, context, at_once))
        for sock in self.bind("deaf"):
            sock.listen(1024)
        for sock in self.bind("full"):
            # One waits to be accepted, and there is no room for a second.
            sock.listen(0)
            client = socket.socket(sock.family)
            client.connect(sock.getsockname())
            self.listening.append(client)
        self.bind("closed")
        if self.options.dns:
            for sock in self.bind("dns", socket.SOCK_DGRAM):
                await loop.create_datagram_endpoint(lambda: Dns(self), sock=sock)
        return {"pid": os.getpid(), "ports": self.ports, "ledger": self.ledger.path,
                "ca": certificates and certificates.ca}

    async def accept(self, listening, name, protocol, context, at_once):
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listening)
            rule = self.script.find(("port", name))
            reply = self.script.peek(rule, None) if rule else None
            # A mail server looks for itself, but for what comes before all else.
            if reply and (protocol is Http or reply.at == "connect"):
                self.script.take(rule, None)
            if reply and reply.mode and (protocol is Http or reply.at == "connect"):
                self.spawn(self.turn_away(sock, reply, name))
            else:
                self.spawn(self.serve(sock, name, protocol, context, at_once))

    def spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def turn_away(self, sock, reply, name):
        """A connection that is answered before anything was asked."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        self.ledger.write("turned_away", port=name, reply=reply.spec)
        for piece in MODES[reply.mode](reply):
            if isinstance(piece, bytes):
                await loop.sock_sendall(sock, piece)
            elif piece == RESET:
                reset(sock)
            elif piece != CLOSE:
                await asyncio.sleep(1e6 if piece == HANG else piece)
        sock.close()

    async def serve(self, sock, name, protocol, context, at_once):
        def factory():
            peer = protocol(self, name)
            if protocol is Smtp and not at_once:
                peer.tls_context = context
            return peer

        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                factory, sock, ssl=context if at_once else None)
        except (OSError, ConnectionError) as error:
            self.ledger.write("tls", port=name, error=str(error))
            sock.close()

    async def run(self):
        loop = asyncio.get_running_loop()
        ready = await self.listen()
        print(json.dumps(ready), flush=True)
        threading.Thread(target=self.take_commands, args=(loop,), daemon=True).start()
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            if now - self.started > self.options.total or now - self.ledger.active_at > self.options.idle:
                os._exit(0)

    def take_commands(self, loop):
        """In a thread: standard input may be of any kind."""
        for line in sys.stdin:
            loop.call_soon_threadsafe(self.take_command, line)
        os._exit(0)

    def take_command(self, line):
        try:
            answer = self.command(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--address", action="append", help="127.0.0.1 and ::1")
    parser.add_argument("--port", action="append", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--no-tls", action="store_true")
    parser.add_argument("--dns", action="store_true")
    parser.add_argument("--user", default="user:password", help="whom SMTP lets in")
    parser.add_argument("--cap", type=int, default=65536, help="bytes of a body in the ledger")
    parser.add_argument("--idle", type=float, default=120)
    parser.add_argument("--total", type=float, default=900)
    options = parser.parse_args()
    options.address = options.address or ["127.0.0.1", "::1"]
    options.port = {name: int(number) for name, _, number in (p.partition("=") for p in options.port)}
    asyncio.run(Sink(options).run())


if __name__ == "__main__":
    main()
