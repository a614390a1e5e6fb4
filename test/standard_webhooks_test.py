"""Tests of standard_webhooks.py.  The specification itself prints no complete
vector (a signature, but not its secret); those here are what the test suites of
its Python and Rust libraries expect.

    python3 -B test/standard_webhooks_test.py
"""

import base64
import unittest

from standard_webhooks import key_of, signature, verify

PYTHON = dict(
    secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id="msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp=1614265330, body=b'{"test": 2432232314}',
    signature="v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
RUST = dict(
    secret="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", id="msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    timestamp=1649367553, body=b'{"email":"test@example.com","username":"test_user"}',
    signature="v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=")
OTHER = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="


def ask(vector, secrets=None, body=None, at=None, **headers):
    """The verdict about a vector, some of it changed."""
    sent = {
        "webhook-id": vector["id"], "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["signature"]}
    sent.update({"webhook-" + name: value for name, value in headers.items()})
    return verify(
        [key_of(secret) for secret in secrets or [vector["secret"]]], sent,
        vector["body"] if body is None else body, now=at or vector["timestamp"])


class StandardWebhooks(unittest.TestCase):
    def test_published_vectors(self):
        for vector in PYTHON, RUST:
            made = signature(
                key_of(vector["secret"]), vector["id"], vector["timestamp"], vector["body"])
            self.assertEqual("v1," + made, vector["signature"])
            self.assertEqual(
                ask(vector), {"verdict": "valid", "signatures": 1, "keys": [0]})

    def test_secret_without_its_prefix(self):
        self.assertEqual(ask(PYTHON, [PYTHON["secret"][6:]])["verdict"], "valid")

    def test_secrets_that_are_none(self):
        for secret in ("", "whsec_", "whsec_!", "whsec_" + base64.b64encode(b"x" * 23).decode(),
                       "whsec_" + base64.b64encode(b"x" * 65).decode()):
            with self.assertRaises(ValueError):
                key_of(secret)

    def test_one_signature_of_several(self):
        several = f"{OTHER} v1a,AAAA {PYTHON['signature']} v2,AAAA"
        self.assertEqual(
            ask(PYTHON, signature=several), {"verdict": "valid", "signatures": 4, "keys": [0]})

    def test_rotation(self):
        both = [RUST["secret"], PYTHON["secret"]]
        new = "v1," + signature(
            key_of(both[0]), PYTHON["id"], PYTHON["timestamp"], PYTHON["body"])
        self.assertEqual(ask(PYTHON, both)["keys"], [1])
        self.assertEqual(ask(PYTHON, both, signature=f"{new} {PYTHON['signature']}")["keys"], [0, 1])

    def test_anything_changed(self):
        for changed in (
                dict(body=b'{"test":2432232314}'), dict(id="msg_other"), dict(timestamp="1614265331"),
                dict(secrets=[RUST["secret"]]), dict(signature=OTHER),
                dict(signature=PYTHON["signature"].replace("v1,", "v2,")),
                dict(signature=PYTHON["signature"].replace("v1,", "")),
                dict(signature=PYTHON["signature"].replace(" ", "").replace("=", ""))):
            self.assertEqual(ask(PYTHON, **changed)["verdict"], "no signature matches", changed)

    def test_headers_that_are_missing_or_wrong(self):
        for name in "id", "timestamp", "signature":
            self.assertEqual(ask(PYTHON, **{name: None})["verdict"], f"no {name}")
            self.assertEqual(
                ask(PYTHON, **{name: "a\nb"})["verdict"], f"several headers of {name}")
        for text in "hello", "1614265330.0", "-1", " 1", "١":
            self.assertEqual(ask(PYTHON, timestamp=text)["verdict"], "timestamp is no integer")
        self.assertEqual(ask(PYTHON, id="a.1")["verdict"], "full stop in the id")

    def test_times(self):
        at = PYTHON["timestamp"]
        self.assertEqual(ask(PYTHON, at=at + 300)["verdict"], "valid")
        self.assertEqual(ask(PYTHON, at=at + 301)["verdict"], "too old")
        self.assertEqual(ask(PYTHON, at=at - 301)["verdict"], "from the future")

    def test_bodies_are_bytes(self):
        key = key_of(PYTHON["secret"])
        for body in b"", b"\xff\x00\n", "ü".encode():
            made = signature(key, "i", 1, body)
            self.assertEqual(
                verify([key], {"webhook-id": "i", "webhook-timestamp": "1",
                               "webhook-signature": "v1," + made}, body, now=1)["verdict"], "valid")


if __name__ == "__main__":
    unittest.main()
