"""Verification of Standard Webhooks, symmetric scheme (v1, HMAC-SHA256).

Written from the public specification alone, so that it can bear witness against
what the extension signs: https://github.com/standard-webhooks/standard-webhooks

    secret     "whsec_" and base64 of 24 to 64 random bytes
    signed     id "." timestamp "." body, the body's bytes as they were sent
    header     webhook-signature: "v1," base64, several of them split by spaces
"""

import base64
import binascii
import hashlib
import hmac
import re
import time

PREFIX = "whsec_"
TOLERANCE = 300


def key_of(secret):
    """The key in a secret; ValueError where it is not one."""
    text = secret[len(PREFIX):] if secret.startswith(PREFIX) else secret
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("the secret is not base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"the secret has {len(key)} bytes, not 24 to 64")
    return key


def signature(key, webhook_id, timestamp, body):
    """The base64 that follows "v1,"."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def verify(keys, headers, body, now=None, tolerance=TOLERANCE):
    """A verdict: {"verdict": "valid" or why not, "signatures": how many, "keys":
    the numbers of those keys that signed}.

    headers: names in lower case.  tolerance None: any time will do.  A caller
    that rotates secrets asks with both keys, and looks at which of them signed.
    """
    given = {name: headers.get("webhook-" + name) for name in ("id", "timestamp", "signature")}
    signatures = (given["signature"] or "").split(" ")
    answer = {"verdict": "", "signatures": len(signatures) if given["signature"] else 0, "keys": []}

    for name, value in given.items():
        if not value:
            return dict(answer, verdict=f"no {name}")
        if "\n" in value:
            return dict(answer, verdict=f"several headers of {name}")
    if "." in given["id"]:
        return dict(answer, verdict="full stop in the id")
    if not re.fullmatch("[0-9]{1,15}", given["timestamp"], re.ASCII):
        return dict(answer, verdict="timestamp is no integer")

    # Other versions may stand beside ours; only v1 counts.
    sent = [text[3:] for text in signatures if text.startswith("v1,")]
    expected = [signature(key, given["id"], given["timestamp"], body) for key in keys]
    answer["keys"] = [
        number for number, text in enumerate(expected)
        if any(hmac.compare_digest(text.encode(), other.encode()) for other in sent)]
    if not answer["keys"]:
        return dict(answer, verdict="no signature matches")
    age = (time.time() if now is None else now) - int(given["timestamp"])
    if tolerance is not None and abs(age) > tolerance:
        return dict(answer, verdict="too old" if age > 0 else "from the future")
    return dict(answer, verdict="valid")
