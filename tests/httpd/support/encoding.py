"""base64url without padding, and the x5t#S256 of a certificate (RFC 8705 section 3.1)."""

import base64
import hashlib

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(der):
    return encode(hashlib.sha256(der).digest())


def with_trailing_bits(text):
    """The same bytes, spelled with a set bit that the last character should have left 0."""
    assert len(text) % 4, "only an incomplete last group has spare bits"
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 1]
