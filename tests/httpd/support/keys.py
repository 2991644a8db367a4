"""The signing keys of an issuer, one row per algorithm, and their public JWKs."""

import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support.encoding import encode

CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}


def _pkcs1(digest):
    return lambda key, data: key.sign(data, padding.PKCS1v15(), digest)


def _pss(digest):
    return lambda key, data: key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)


def _ecdsa(digest, size):
    def sign(key, data):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return sign


def _eddsa(key, data):
    return key.sign(data)


# algorithm -> (which private key it takes, how it signs)
ALGORITHMS = {
    "RS256": ("rsa", _pkcs1(hashes.SHA256())), "RS384": ("rsa", _pkcs1(hashes.SHA384())),
    "RS512": ("rsa", _pkcs1(hashes.SHA512())),
    "PS256": ("rsa", _pss(hashes.SHA256())), "PS384": ("rsa", _pss(hashes.SHA384())),
    "PS512": ("rsa", _pss(hashes.SHA512())),
    "ES256": ("p256", _ecdsa(hashes.SHA256(), 32)), "ES384": ("p384", _ecdsa(hashes.SHA384(), 48)),
    "ES512": ("p521", _ecdsa(hashes.SHA512(), 66)),
    "Ed25519": ("ed25519", _eddsa), "Ed448": ("ed448", _eddsa),
}

GENERATORS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}


class Key:
    """A private key that signs with one algorithm; `kid` None means that neither JWK nor header names it."""

    def __init__(self, algorithm, kid=None, private=None):
        kind, self._sign = ALGORITHMS[algorithm]
        self.private = private or GENERATORS[kind]()
        self.algorithm = algorithm
        self.kid = kid

    def sign(self, data):
        return self._sign(self.private, data)

    def using(self, algorithm, kid=...):
        """The same private key under another algorithm or kid."""
        return Key(algorithm, self.kid if kid is ... else kid, self.private)

    def jwk(self, **members):
        """The public JWK; members given here replace what it would say, Ellipsis leaves one out."""
        said = {**public_members(self.private.public_key()), "kid": self.kid or ..., **members}
        return {name: value for name, value in said.items() if value is not ...}

    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def public_members(public):
    """kty and the key material of a JWK (RFC 7518 section 6, RFC 8037 section 2)."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": unsigned(numbers.n), "e": unsigned(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        curve, size = CURVES[public.curve.name]
        numbers = public.public_numbers()
        return {"kty": "EC", "crv": curve, "x": encode(numbers.x.to_bytes(size, "big")),
                "y": encode(numbers.y.to_bytes(size, "big"))}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519" if len(raw) == 32 else "Ed448", "x": encode(raw)}


def unsigned(number):
    """Base64urlUInt of RFC 7518 section 2."""
    return encode(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def write_jwks(path, *jwks):
    """Writes a JWK Set and returns its path as text."""
    Path(path).write_text(json.dumps({"keys": list(jwks)}))
    return str(path)
