"""The sink's mail server; see sink.py."""

import asyncio
import base64
import re
import time

from sink_http import MODES, Peer, Reply


class SmtpReply(Reply):
    """As Reply, but a mail server's: code, text, and "at", the step it is for: of
    a port connect (before all else), greeting, ehlo, starttls, auth or mail; of a
    recipient rcpt, data, body (its first bytes) or end (after the dot).
    hide: what EHLO is not to offer."""

    def __init__(self, spec):
        spec = {"code": spec} if isinstance(spec, int) else spec
        self.at = spec.get("at", "rcpt")
        self.code = spec.get("code", 250)
        super().__init__(spec)

    def head(self, *_):
        return f"{self.code} {self.spec.get('text', 'scripted')}\r\n".encode()


class Smtp(Peer):
    """A mail server.  Who gives the sink's user and password is let in, and who
    gives none also, unless scripted."""

    tls_context = None
    started = False
    user = None
    asked = None
    receiving = False

    def connection_made(self, transport):
        super().connection_made(transport)
        self.forget()
        rule = self.sink.script.find(("port", self.port))
        self.scripted = rule and self.sink.script.take(rule, self.connection)
        self.reply("greeting", "220 sink.test ESMTP")

    def forget(self):
        self.sender, self.accepted, self.rejected, self.plans, self.last = None, [], [], [], (None, {})

    def reply(self, at, default, keep=True, plans=None, seq=None):
        """The step's scripted reply, or else the default.  True if it says yes."""
        wire, code = default.encode() + b"\r\n", int(default[:3])
        for plan in [self.scripted] if plans is None else plans:
            if plan and plan.at == at:
                pieces = [wire]
                if plan.mode or "code" in plan.spec:
                    code = None if plan.mode else plan.code
                    pieces = MODES[plan.mode](plan)
                self.last = (code, plan.spec)
                self.play(seq, pieces, plan, keep)
                return code is not None and code < 400
        self.last = (code, {})
        self.transport.write(wire)
        if not keep:
            self.transport.close()
        return code < 400

    def work(self):
        while self.buffer and not self.playing:
            if self.receiving:
                if not self.take_message():
                    return
                continue
            end = self.buffer.find(b"\r\n")
            if end < 0:
                return
            line = bytes(self.buffer[:end]).decode("utf-8", "backslashreplace").replace("\0", "\\0")
            del self.buffer[:end + 2]
            self.sink.ledger.active_at = time.monotonic()
            if self.asked:
                asked, self.asked = self.asked, None
                asked(line)
                continue
            verb, _, rest = line.partition(" ")
            handler = getattr(self, "do_" + verb.lower(), None) if verb.isalpha() else None
            if handler:
                handler(rest.strip())
            else:
                self.reply("", "500 what?")

    def do_ehlo(self, name):
        self.abandon()
        hidden = self.scripted.spec.get("hide", []) if self.scripted else []
        offers = ["PIPELINING", "SIZE 1000000000", "8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN"]
        if self.tls_context and not self.started:
            offers.append("STARTTLS")
        offers = ["sink.test"] + [o for o in offers if o.split()[0] not in hidden]
        self.reply("ehlo", "".join(f"250-{o}\r\n" for o in offers[:-1]) + "250 " + offers[-1])

    def do_helo(self, name):
        self.abandon()
        self.reply("ehlo", "250 sink.test")

    def do_starttls(self, _):
        if not self.tls_context or self.started:
            return self.reply("", "503 no TLS here")
        self.started = True
        # What came before the handshake counts for nothing.
        self.buffer.clear()
        if self.reply("starttls", "220 go ahead") and not self.playing:
            self.transport.pause_reading()
            self.playing = asyncio.ensure_future(self.start_tls())

    async def start_tls(self):
        try:
            self.transport = await asyncio.get_running_loop().start_tls(
                self.transport, self, self.tls_context, server_side=True)
        except (OSError, ConnectionError) as error:
            self.sink.ledger.write("tls", error=str(error), **self.facts)
            return
        self.facts["tls"] = self.transport.get_extra_info("ssl_object").version()
        self.playing = None
        self.work()

    def do_auth(self, rest):
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            if initial:
                return self.take_plain(initial)
            self.asked = self.take_plain
            return self.reply("", "334 ")
        if mechanism.upper() == "LOGIN":
            if initial:
                return self.take_login(initial)
            self.asked = self.take_login
            return self.reply("", "334 " + base64.b64encode(b"Username:").decode())
        return self.reply("", "504 no such mechanism")

    def decode(self, text):
        try:
            return base64.b64decode(text).decode()
        except ValueError:
            return ""

    def take_plain(self, text):
        _, user, password = ("\0\0" + self.decode(text)).split("\0")[-3:]
        self.judge("PLAIN", user, password)

    def take_login(self, text):
        name = self.decode(text)
        self.asked = lambda password: self.judge("LOGIN", name, self.decode(password))
        self.reply("", "334 " + base64.b64encode(b"Password:").decode())

    def judge(self, mechanism, user, password):
        good = [user, password] == self.sink.credentials
        seq = self.sink.ledger.write(
            "auth", mechanism=mechanism, user=user, accepted=good, **self.facts)
        if self.reply("auth", "235 welcome" if good else "535 wrong", seq=seq) and good:
            self.user = user

    def do_mail(self, rest):
        self.abandon()
        found = re.match(r"FROM:\s*<([^>]*)>", rest, re.I)
        if not found:
            self.reply("", "501 from whom?")
            return
        self.sender = found[1]
        if not self.reply("mail", "250 ok"):
            self.abandon()

    def do_rcpt(self, rest):
        found = re.match(r"TO:\s*<([^>]+)>", rest, re.I)
        if not found or self.sender is None:
            return self.reply("", "503 not now")
        script = self.sink.script
        rule = script.find(("recipient", found[1]), ("recipient", "*"))
        plan = rule and script.take(rule, found[1])
        if self.reply("rcpt", "250 ok", plans=[plan]):
            self.accepted.append(found[1])
            self.plans.append(plan)
        else:
            self.rejected.append(found[1])

    def do_data(self, _):
        if not self.accepted:
            self.reply("", "503 to whom?")
        elif self.reply("data", "354 go on", plans=self.plans):
            self.receiving = True

    def take_message(self):
        """The message, once it is whole: into the ledger, then the reply."""
        if any(plan and plan.at == "body" for plan in self.plans):
            self.reply("body", "451 enough", False, self.plans)
            return False
        end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n") + 2
        if end == 1:
            return False
        message = re.sub(rb"(?m)^\.", b"", bytes(self.buffer[:end]))
        del self.buffer[:end + 3]
        self.receiving = False
        found = re.search(rb"(?im)^message-id:\s*<?([^>\0\r\n]*)", message.partition(b"\r\n\r\n")[0])
        plans = self.plans
        plan = next((plan for plan in plans if plan and plan.at == "end"), None)
        last = (None if plan.mode else plan.code, plan.spec) if plan else (250, {})
        seq = self.record(message, True, last, found and found[1].decode("latin-1").strip())
        self.forget()
        self.reply("end", f"250 taken as {seq}", plans=plans, seq=seq)
        return True

    def record(self, message, complete, last, name):
        ledger = self.sink.ledger
        status, reply = last
        return ledger.write(
            "smtp", id=name, attempt=ledger.attempt(name), complete=complete, status=status,
            reply=reply, sender=self.sender, recipients=self.accepted, rejected=self.rejected, user=self.user,
            **self.facts, **ledger.body(message))

    def abandon(self):
        """What was begun is no message, but the ledger has it."""
        if self.sender is not None:
            self.record(bytes(self.buffer if self.receiving else b""), False, self.last, None)
        self.receiving = False
        self.forget()

    def do_rset(self, _):
        self.abandon()
        self.reply("", "250 ok")

    def do_noop(self, _):
        self.reply("", "250 ok")

    def do_quit(self, _):
        self.abandon()
        self.reply("", "221 bye", keep=False)

    def gone(self):
        self.abandon()
