"""Mails for the tests of the builder, and an independent reader of what it built:
Python's email package.

    mails.py make SEED NUMBER     random mails, a line of JSON each: what they are
                                  made of ("made") and what must be read ("read")
    mails.py read < FILE          lines of {"message": base64} as what they say
    mails.py compare MADE BUILT   says where the lines of both differ
"""

import base64
import email
import email.policy
import email.utils
import json
import random
import re
import sys

ASCII = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789"
PUNCTUATION = "!#$%&'*+-/=?^_`{|}~.,;:\"()[]<>@\\ \t"
OTHERS = "äöüßéñçÅøžłğЖщяλΩשלום中文日本語한국어😀👩\u200d👧\u0301\u00a0\u2028\u202e\ufeff\x85"
NASTY = ["=?", "?=", "=?UTF-8?Q?x?=", "=?utf-8?b?YQ==?=", "\"", "\\", "--", ".", "..", "From ", "=", "=3D", "=_", "  ",
         "\t", "<a@b.c>", "a,b", "\x1b[31m", "\x07"]


def words(chance, most, alphabet):
    return "".join(chance.choice(alphabet) for _ in range(chance.randint(1, most)))


def a_line(chance):
    """One line of anything, often of one kind only."""
    kind = chance.randint(0, 6)
    if kind == 0:
        return " ".join(words(chance, 12, ASCII) for _ in range(chance.randint(1, 30)))
    if kind == 1:
        return words(chance, 200, ASCII)
    if kind == 2:
        return words(chance, 200, OTHERS)
    if kind == 3:
        return " ".join(words(chance, 20, ASCII + OTHERS) for _ in range(chance.randint(1, 20)))
    if kind == 4:
        return words(chance, 100, ASCII + PUNCTUATION)
    if kind == 5:
        return "".join(chance.choice(NASTY + [words(chance, 5, ASCII)]) for _ in range(chance.randint(1, 15)))
    return words(chance, 30, ASCII + OTHERS + PUNCTUATION)


def a_text(chance):
    lines = [a_line(chance) if chance.random() < 0.7 else chance.choice(["", ".", "..", " ", "From me", "\t", "--", "x" * 75,
             "x" * 76, "x" * 77, "x" * 1200, "é" * 40]) for _ in range(chance.randint(1, 12))]
    return chance.choice(["\n", "\r\n", "\r"]).join(lines) + chance.choice(["", "\n", "\n\n"])


def an_address(chance):
    """As written, and as it must be read: name, address."""
    spec = (words(chance, 10, ASCII + "!#$%&'*+-/=?^_`{|}~") + chance.choice(["", ".x", "." + words(chance, 40, ASCII)])
            + "@" + chance.choice(["example.com", "x.org", "EXAMPLE.com", "localhost", words(chance, 50, ASCII) + ".test"]))
    kind = chance.randint(0, 4)
    if kind == 0:
        return spec, ("", spec)
    if kind == 1:
        name = " ".join(words(chance, 12, ASCII + OTHERS[:20]) for _ in range(chance.randint(1, 6)))
        return f"{name} <{spec}>", (name, spec)
    name = a_line(chance).strip()[:100] or "x"
    if any(ord(c) < 32 or c == "\x7f" for c in name) or len(name.encode()) > 400:
        name = "Doe, John \"J\" \\ (x) <y@z>"
    quoted = name.replace("\\", "\\\\").replace("\"", "\\\"")
    return f"\"{quoted}\" <{spec}>", (name, spec)


def same_address(spec):
    local, _, domain = spec.rpartition("@")
    return local, domain.lower()


def a_mail(chance):
    sender = an_address(chance)
    to = [an_address(chance) for _ in range(chance.choice([1, 1, 1, 2, 5, 30]))]
    once = {}
    for _, (name, spec) in to:
        once.setdefault(same_address(spec), [name, spec])
    made = {"from": sender[0], "to": chance.choice([",", ", ", " ,\t"]).join(a for a, _ in to)}
    read = {"from": [list(sender[1])], "to": list(once.values()), "reply_to": [], "subject": None, "parts": {}}
    if chance.random() < 0.3:
        made["reply_to"], address = an_address(chance)
        read["reply_to"] = [list(address)]
    if chance.random() < 0.95:
        made["subject"] = read["subject"] = a_line(chance)
    for kind, chosen in (("text", chance.random() < 0.7), ("html", True)):
        if chosen or kind == "html" and "text" not in made:
            made[kind] = a_text(chance) or "x"
            plain = made[kind].replace("\r\n", "\n").replace("\r", "\n")
            read["parts"]["text/" + ("plain" if kind == "text" else "html")] = plain
    read["parts"] = {k: v for k, v in read["parts"].items() if v}
    return {"made": made, "read": read}


def decoded(value):
    """A header's text by RFC 2047, its lines unfolded: by the older half of the
    package, which gives blanks and control characters as they were."""
    pieces = email.header.decode_header(value.replace("\r\n", "").replace("\n", ""))
    return "".join(p.decode(c or "ascii") if isinstance(p, bytes) else p for p, c in pieces)


def addresses(message, name):
    """First split, then decoded: a comma within an encoded-word splits nothing."""
    values = [v.replace("\r\n", "").replace("\n", "") for v in message.get_all(name, [])]
    try:
        found = email.utils.getaddresses(values, strict=False)
    except TypeError:
        # Before there was another way of reading them.
        found = email.utils.getaddresses(values)
    return [[decoded(n), a] for n, a in found]


def body_of(part):
    text = part.get_payload(decode=True).decode("utf-8")
    return text.replace("\r\n", "\n")


def read(raw):
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    modern = email.message_from_bytes(raw, policy=email.policy.default)
    parts = [p for p in message.walk() if not p.is_multipart()]
    head = raw.partition(b"\n\n")[0] if b"\r\n\r\n" not in raw else raw.partition(b"\r\n\r\n")[0]
    defects = [str(d) for p in modern.walk() for d in p.defects]
    date = email.utils.parsedate_to_datetime(message["Date"])
    return {
        "from": addresses(message, "From"), "to": addresses(message, "To"), "reply_to": addresses(message, "Reply-To"),
        "subject": None if message["Subject"] is None else decoded(message["Subject"]),
        "message_id": message["Message-ID"].strip(), "date": date.isoformat(),
        "modern_to": [a.addr_spec for a in modern["To"].addresses],
        "type": message.get_content_type(), "parts": {p.get_content_type(): body_of(p) for p in parts},
        "encodings": {p.get_content_type(): p["Content-Transfer-Encoding"] for p in parts},
        "charsets": sorted({p.get_content_charset() for p in parts}),
        "names": [name for name in message.keys()],
        "headers": {k.lower(): decoded(v).lstrip(" ") for k, v in message.items()},
        "longest": max(len(line.rstrip(b"\r")) for line in raw.split(b"\n")),
        "longest_head": max(len(line.rstrip(b"\r")) for line in head.split(b"\n")),
        "ascii": all(byte < 128 and (byte >= 32 or byte in b"\r\n\t") for byte in raw),
        "defects": defects}


def differences(made, built):
    """What must be read, and what of each mail is a rule of its own."""
    raw = base64.b64decode(built["message"])
    found = read(raw)
    only = len(found["parts"]) == 1 and next(iter(found["parts"]))
    if only and found["encodings"][only] == "quoted-printable" and not made["read"]["parts"][only].endswith("\n"):
        # A message's last line has an end.
        made["read"]["parts"][only] += "\n"
    for key, value in made["read"].items():
        if found[key] != value:
            yield f"{key}: {value!r} is read as {found[key]!r}"
    if not found["ascii"]:
        yield "it is not ASCII"
    if found["defects"]:
        yield f"defects: {found['defects']}"
    for line in raw.split(b"\n"):
        if len(line) > 76 and b" " in line.strip():
            yield f"a line is not folded: {line!r}"
        if len(line) > 998:
            yield "a line is too long"
        if line.startswith(b".") or line != line.rstrip():
            yield f"a line that could change on its way: {line!r}"
    for word in re.findall(rb"=\?UTF-8\?[QB]\?\S*", raw.partition(b"\n\n")[0]):
        # RFC 2047, 5: each by itself, of 75 characters at most.
        (text, charset), = email.header.decode_header(word.decode().rstrip(","))
        try:
            text.decode(charset)
        except UnicodeDecodeError:
            yield f"an encoded-word ends within a character: {word!r}"
        if len(word) > 75:
            yield f"an encoded-word is too long: {word!r}"
    specs = [spec for _, spec in made["read"]["to"]]
    if built["recipients"] != specs or found["modern_to"] != specs:
        yield f"it goes to {built['recipients']}, {found['modern_to']}"
    if built["sender"] != made["read"]["from"][0][1]:
        yield f"its sender is {built['sender']}"


def main(verb, *arguments):
    if verb == "make":
        chance = random.Random(int(arguments[0]))
        for _ in range(int(arguments[1])):
            print(json.dumps(a_mail(chance)))
    elif verb == "read":
        for line in sys.stdin:
            print(json.dumps(read(base64.b64decode(json.loads(line)["message"]))))
    else:
        with open(arguments[0]) as made, open(arguments[1]) as built:
            pairs = list(zip(made, built, strict=True))
        for one, other in pairs:
            for what in differences(json.loads(one), json.loads(other)):
                print(f"{what}\n  of {one.strip()}")
        print(f"{len(pairs)} compared")


main(*sys.argv[1:])
