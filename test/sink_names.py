"""The sink's name server, and its certificates; see sink.py."""

import asyncio
import ipaddress
import os
import ssl
import struct
import subprocess


class Dns(asyncio.DatagramProtocol):
    """A name server.  A reply is an address, a list of them, {"rcode": number},
    {"cname": name} or "drop"; the time to live is 0.  A name without a script does
    not exist; one that has only the other type's has no address of this one."""

    TYPES = {1: "A", 28: "AAAA"}

    def __init__(self, sink):
        self.sink = sink

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        labels, at = [], 12
        while at < len(data) and data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        question = data[12:at + 5]
        if len(question) < 5:
            return
        name, kind = ".".join(labels).lower(), self.TYPES.get(struct.unpack(">H", question[-4:-2])[0])
        script = self.sink.script
        rule = script.find(("dns", name, kind))
        known = rule or any(("dns", name, other) in script.rules for other in self.TYPES.values())
        reply = script.take(rule, None) if rule else [] if known else {"rcode": 3}
        self.sink.ledger.write("dns", name=name, type=kind, reply=reply, peer="%s:%d" % peer[:2])
        if reply == "drop":
            return
        code, records = 0, []
        if isinstance(reply, dict) and "cname" in reply:
            target = b"".join(bytes([len(p)]) + p.encode() for p in reply["cname"].split(".")) + b"\0"
            records = [(5, target)]
        elif isinstance(reply, dict):
            code = reply["rcode"]
        else:
            number = 1 if kind == "A" else 28
            records = [(number, ipaddress.ip_address(a).packed)
                       for a in ([reply] if isinstance(reply, str) else reply)]
        answer = struct.pack(">2sHHHHH", data[:2], 0x8580 | code, 1, len(records), 0, 0) + question
        for number, value in records:
            answer += struct.pack(">HHHIH", 0xC00C, number, 1, 0, len(value)) + value
        self.transport.sendto(answer, peer)


class Certificates:
    """Two authorities and four certificates, made once in a folder."""

    CONFIG = """
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
x509_extensions = authority
[name]
commonName = journey test authority
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[right]
subjectAltName = DNS:localhost, DNS:sink.test, DNS:*.sink.test, IP:127.0.0.1, IP:::1
[wrong]
subjectAltName = DNS:elsewhere.test
"""
    KINDS = {
        "good": ("ca", "right", ["-days", "30"]),
        "expired": ("ca", "right", ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]),
        "wrong_host": ("ca", "wrong", ["-days", "30"]),
        "other_ca": ("other", "right", ["-days", "30"])}

    def __init__(self, folder):
        self.folder = folder
        self.ca = os.path.join(folder, "ca.pem")
        if not os.path.exists(self.ca):
            self.make()

    def openssl(self, *arguments):
        subprocess.run(
            ["openssl", *arguments], cwd=self.folder, check=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def make(self):
        os.makedirs(self.folder, exist_ok=True)
        for name, text in ("openssl.cnf", self.CONFIG), ("index.txt", ""):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf"]
        self.openssl("req", *new, "-subj", "/CN=sink.test", "-keyout", "key.pem", "-out", "request.pem")
        for name in "other", "ca":
            self.openssl("req", "-x509", *new, "-days", "30", "-subj", f"/CN=journey test {name}",
                         "-keyout", name + ".key", "-out", name + ".new")
        for name, (ca, extensions, dates) in self.KINDS.items():
            self.openssl("ca", "-batch", "-notext", "-config", "openssl.cnf", "-cert", ca + ".new",
                         "-keyfile", ca + ".key", "-extensions", extensions, *dates,
                         "-in", "request.pem", "-out", name + ".pem")
        os.rename(os.path.join(self.folder, "ca.new"), self.ca)

    def context(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(os.path.join(self.folder, n) for n in (name + ".pem", "key.pem")))
        return context
