"""Mints tokens with control over every byte of them."""

import json
import time

from support.encoding import encode

AUDIENCE = "https://api.example.test"


def claims(issuer, **changes):
    """The claims of an ordinary access token; a value of Ellipsis leaves the claim out."""
    now = int(time.time())
    said = {"iss": issuer, "aud": AUDIENCE, "sub": "alice", "client_id": "reports", "scope": "read write",
            "jti": "token-1", "iat": now, "exp": now + 600, **changes}
    return {name: value for name, value in said.items() if value is not ...}


def bound_to(certificate):
    """The cnf claim of RFC 8705 section 3.1."""
    return {"x5t#S256": certificate.thumbprint}


def mint(key, payload, header=None):
    """A compact JWS; payload and header are objects or raw bytes, a header object adds to alg, kid and typ."""
    if not isinstance(header, bytes):
        said = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid or ..., **(header or {})}
        header = {name: value for name, value in said.items() if value is not ...}
    return signed(key, encode(_octets(header)), encode(_octets(payload)))


def signed(key, header_segment, payload_segment):
    """A compact JWS over two segments exactly as spelled."""
    covered = f"{header_segment}.{payload_segment}"
    return f"{covered}.{encode(key.sign(covered.encode('latin-1')))}"


def _octets(value):
    """Without spaces, as issuers write it."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
