"""What the tool's tests share: running it, and JOSE by python's cryptography, which has no code in common with it."""

import base64
import datetime
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

SOURCE = Path(os.environ.get("MTO_SOURCE") or Path(__file__).resolve().parents[2])
TOOL = Path(os.environ.get("MTO_TOOL") or SOURCE / "mtls-oauth")
VECTORS = SOURCE.resolve().parent / "shared" / "vectors"

ISSUER = "https://as.example.test"
AUDIENCE = "https://api.example.test"


# --- The tool ---

class Outcome:
    """Exit code and output of one run."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\nstdout: {self.out}\nstderr: {self.err}"


def run(*arguments, stdin=b"", code=0, **options):
    """Runs the tool, which must exit with `code`, and returns its Outcome."""
    octets = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run([str(TOOL), *map(str, arguments)], input=octets, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False, **options)
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"))
    assert outcome.code == code, outcome
    return outcome


def fails(*arguments, hint, **options):
    """The run is a usage error: exit code 2, nothing on standard output, one line of hint on standard error."""
    outcome = run(*arguments, code=2, **options)
    assert outcome.out == "", outcome
    assert outcome.err.count("\n") == 1 and outcome.err.startswith("mtls-oauth: "), outcome
    assert hint in outcome.err, outcome
    return outcome


def field(outcome, name):
    """The value behind a name at the start of a line of standard output."""
    values = [line[len(name):].strip() for line in outcome.out.splitlines() if line.split(" ", 1)[0] == name]
    assert len(values) == 1, (name, outcome)
    return values[0]


# --- base64url ---

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value):
    """Base64urlUInt of RFC 7518 section 2."""
    return encode(value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


# --- Algorithms: name -> (kind of key, digest, PSS, bytes of R and S) ---

SHA = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
ALGORITHMS = {
    **{f"RS{bits}": ("rsa", digest, False, 0) for bits, digest in SHA.items()},
    **{f"PS{bits}": ("rsa", digest, True, 0) for bits, digest in SHA.items()},
    "ES256": ("P-256", SHA["256"], False, 32), "ES384": ("P-384", SHA["384"], False, 48),
    "ES512": ("P-521", SHA["512"], False, 66),
    "EdDSA": ("Ed25519", None, False, 0), "Ed25519": ("Ed25519", None, False, 0), "Ed448": ("Ed448", None, False, 0),
}
CURVES = {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48), "P-521": (ec.SECP521R1(), 66)}
EDWARDS = {"Ed25519": (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey),
           "Ed448": (ed448.Ed448PrivateKey, ed448.Ed448PublicKey)}


def _padding(digest, pss):
    return padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()


def make_key(kind, bits=2048):
    if kind == "rsa":
        return rsa.generate_private_key(65537, bits)
    return ec.generate_private_key(CURVES[kind][0]) if kind in CURVES else EDWARDS[kind][0].generate()


def signature(alg, key, data):
    kind, digest, pss, size = ALGORITHMS[alg]
    if kind == "rsa":
        return key.sign(data, _padding(digest, pss), digest)
    if kind in CURVES:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(data)


def is_signed(alg, public, data, made):
    kind, digest, pss, size = ALGORITHMS[alg]
    try:
        if kind == "rsa":
            public.verify(made, data, _padding(digest, pss), digest)
        elif kind in CURVES:
            assert len(made) == 2 * size
            r, s = int.from_bytes(made[:size], "big"), int.from_bytes(made[size:], "big")
            public.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
        else:
            public.verify(made, data)
    except InvalidSignature:
        return False
    return True


# --- JWK ---

def public_jwk(key, **members):
    """kty and the public members of a private or public key."""
    public = key.public_key() if hasattr(key, "public_key") else key
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **members}
    if isinstance(public, ec.EllipticCurvePublicKey):
        name, size = next((name, row[1]) for name, row in CURVES.items() if row[0].name == public.curve.name)
        numbers = public.public_numbers()
        return {"kty": "EC", "crv": name, "x": encode(numbers.x.to_bytes(size, "big")),
                "y": encode(numbers.y.to_bytes(size, "big")), **members}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519" if len(raw) == 32 else "Ed448", "x": encode(raw), **members}


def private_jwk(key, **members):
    """The same with the private members."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        said = {"d": number(numbers.d), "p": number(numbers.p), "q": number(numbers.q), "dp": number(numbers.dmp1),
                "dq": number(numbers.dmq1), "qi": number(numbers.iqmp)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        said = {"d": encode(key.private_numbers().private_value.to_bytes(size, "big"))}
    else:
        said = {"d": encode(key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                                              serialization.NoEncryption()))}
    return {**public_jwk(key), **said, **members}


def _int(jwk, name):
    return int.from_bytes(decode(jwk[name]), "big")


def load_public(jwk):
    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(_int(jwk, "e"), _int(jwk, "n")).public_key()
    if jwk["kty"] == "EC":
        curve, size = CURVES[jwk["crv"]]
        assert len(decode(jwk["x"])) == len(decode(jwk["y"])) == size
        return ec.EllipticCurvePublicNumbers(_int(jwk, "x"), _int(jwk, "y"), curve).public_key()
    return EDWARDS[jwk["crv"]][1].from_public_bytes(decode(jwk["x"]))


def load_private(jwk):
    """cryptography checks that the parts belong together."""
    if jwk["kty"] == "RSA":
        return rsa.RSAPrivateNumbers(
            p=_int(jwk, "p"), q=_int(jwk, "q"), d=_int(jwk, "d"), dmp1=_int(jwk, "dp"), dmq1=_int(jwk, "dq"),
            iqmp=_int(jwk, "qi"), public_numbers=load_public(jwk).public_numbers()).private_key()
    if jwk["kty"] == "EC":
        return ec.EllipticCurvePrivateNumbers(_int(jwk, "d"), load_public(jwk).public_numbers()).private_key()
    key = EDWARDS[jwk["crv"]][0].from_private_bytes(decode(jwk["d"]))
    assert public_jwk(key)["x"] == jwk["x"]
    return key


def jwk_thumbprint(jwk):
    """RFC 7638 section 3."""
    names = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in names}, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode()).digest())


def write_json(path, value):
    Path(path).write_text(json.dumps(value))
    return str(path)


def pem(key, style=serialization.PrivateFormat.PKCS8, encryption=serialization.NoEncryption()):
    return key.private_bytes(serialization.Encoding.PEM, style, encryption)


# --- Tokens ---

def claims(**changes):
    """The claims of an ordinary access token; a value of Ellipsis leaves the claim out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "reports", "jti": "t1", "iat": now,
            "exp": now + 600, **changes}
    return {name: value for name, value in said.items() if value is not ...}


def token(algorithm, key, payload=None, **header):
    """A compact JWS; payload: an object or bytes. A header parameter of Ellipsis is left out."""
    said = {"alg": algorithm, "typ": "at+jwt", **header}
    first = encode(json.dumps({name: value for name, value in said.items() if value is not ...}).encode())
    payload = claims() if payload is None else payload
    second = encode(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    covered = f"{first}.{second}"
    return f"{covered}.{encode(signature(algorithm, key, covered.encode()))}"


def parts(text):
    """Header and claims of a token, unverified."""
    first, second, _ = text.strip().split(".")
    return json.loads(decode(first)), json.loads(decode(second))


def verifies(text, alg, public):
    covered, _, made = text.strip().rpartition(".")
    return is_signed(alg, public, covered.encode(), decode(made))


# --- Certificates ---

def make_certificate(name="client"):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))


def x5t(certificate):
    return encode(certificate.fingerprint(hashes.SHA256()))


def certificate_pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def certificate_der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


# the time of authorities and what they issue
THEN = datetime.datetime(2027, 1, 15, 8, 0, 0)
DAY = datetime.timedelta(days=1)
TYPES = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
         "CN": NameOID.COMMON_NAME, "UID": NameOID.USER_ID}


def name(*rdns):
    """Each RDN a text such as "CN=a" or "CN=a+UID=1", in the order of the certificate."""
    def attribute(text):
        kind, value = text.split("=", 1)
        return x509.NameAttribute(TYPES[kind], value)
    return x509.Name([x509.RelativeDistinguishedName(map(attribute, rdn.split("+"))) for rdn in rdns])


class Authority:
    """A root that issues certificates and CRLs around THEN."""

    def __init__(self, common_name="CA"):
        self.key, self.name = make_key("P-256"), name(f"CN={common_name}")
        self.x509 = self._builder(self.name, self.key, THEN + DAY).add_extension(
            x509.BasicConstraints(True, None), critical=True).sign(self.key, hashes.SHA256())

    def _builder(self, subject, key, until):
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(THEN - DAY).not_valid_after(until))

    def issue(self, subject, *alternatives, until=THEN + DAY):
        builder = self._builder(subject, make_key("P-256"), until)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def crl(self, *revoked, until=THEN + DAY):
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(THEN - DAY)
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
                .revocation_date(THEN - DAY).build())
        return builder.next_update(until).sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
