"""Signatures, keys and JWS headers: what may prove a token (RFC 7515, 7517, 7518, 8037, 8725)."""

import base64
import hashlib
import hmac
import json
import socket

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from support.blocks import issuer, location
from support.encoding import decode, encode, with_trailing_bits
from support.expect import admitted, refused
from support.keys import ALGORITHMS, Key, unsigned, write_jwks
from support.server import Host
from support.tokens import claims, mint, signed

ISSUER = "https://keys.example.test"
ONE_EC = "https://one-ec.example.test"
ONE_RSA = "https://one-rsa.example.test"

P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def keys():
    """One key for each algorithm, its kid the algorithm's name; the RSA algorithms share a key pair."""
    shared = Key("RS256").private
    return {name: Key(name, name, shared if kind == "rsa" else None) for name, (kind, _) in ALGORITHMS.items()}


@pytest.fixture(scope="module")
def clashing(keys):
    """JWKs that say what they are not for: kid -> (signing key, JWK members)."""
    rs, es, ed = keys["RS256"], keys["ES256"], keys["Ed25519"]
    return {
        "rsa-for-ps256": (rs, {"alg": "PS256"}), "rsa-for-rs512": (rs, {"alg": "RS512"}),
        "rsa-for-oaep": (rs, {"alg": "RSA-OAEP"}), "rsa-alg-case": (rs, {"alg": "rs256"}),
        "rsa-enc": (rs, {"use": "enc"}), "rsa-sign-only": (rs, {"key_ops": ["sign"]}),
        "rsa-encrypt": (rs, {"key_ops": ["encrypt", "wrapKey"]}), "rsa-no-ops": (rs, {"key_ops": []}),
        "ec-for-es384": (es, {"alg": "ES384"}), "ec-for-ecdh": (es, {"alg": "ECDH-ES"}), "ec-enc": (es, {"use": "enc"}),
        "ec-derive": (es, {"key_ops": ["deriveBits"]}),
        "ed-for-ed448": (ed, {"alg": "Ed448"}), "ed-enc": (ed, {"use": "enc"}),
    }


@pytest.fixture(scope="module")
def broken(keys):
    """Keys no signature may count with: kid -> (signing key, JWK)."""
    short, es, rs = Key("RS256", private=rsa.generate_private_key(65537, 1024)), keys["ES256"], keys["RS256"]
    wrong_y = encode(bytes(32 * [1]))
    return {
        "rsa-1024": (short, short.jwk(kid="rsa-1024")),
        "rsa-e1": (rs, rs.jwk(kid="rsa-e1", e=unsigned(1))),
        "rsa-even-e": (rs, rs.jwk(kid="rsa-even-e", e=unsigned(65536))),
        "rsa-kty-ec": (rs, rs.jwk(kid="rsa-kty-ec", kty="EC")),
        "rsa-no-n": (rs, rs.jwk(kid="rsa-no-n", n=...)),
        "ec-off-curve": (es, es.jwk(kid="ec-off-curve", y=wrong_y)),
        "ec-zero": (es, es.jwk(kid="ec-zero", x=encode(bytes(32)), y=encode(bytes(32)))),
        "ec-crv-p384": (es, es.jwk(kid="ec-crv-p384", crv="P-384")),
        "ec-kty-rsa": (es, es.jwk(kid="ec-kty-rsa", kty="RSA")),
        "ec-padded-x": (es, es.jwk(kid="ec-padded-x", x=es.jwk()["x"] + "=")),
        "ec-private": (es, es.jwk(kid="ec-private", d=encode(bytes(32)))),
        "kty-missing": (es, es.jwk(kid="kty-missing", kty=...)),
        "ed-short": (keys["Ed25519"], keys["Ed25519"].jwk(kid="ed-short", x=encode(bytes(31)))),
    }


@pytest.fixture(scope="module")
def server(launch, work, keys, clashing, broken):
    clash = [key.jwk(kid=kid, **members) for kid, (key, members) in clashing.items()]
    bad = [jwk for _, jwk in broken.values()]
    secret = {"kty": "oct", "kid": "oct", "k": encode(b"a secret of some length, 32 bytes"), "alg": "HS256"}
    good = [key.jwk() for name, key in keys.items() if not name.startswith("RS") or name == "RS256"]
    jwks = write_jwks(work / "signature.json", secret, *bad, *clash, *good,
                      *[keys[name].jwk() for name in ("RS384", "RS512")])
    plain_ec = write_jwks(work / "one-ec.json", keys["ES256"].jwk(kid=...))
    plain_rsa = write_jwks(work / "one-rsa.json", keys["RS256"].jwk(kid=...))
    return launch(hosts=[Host(issuer(ISSUER, jwks) + issuer(ONE_EC, plain_ec) + issuer(ONE_RSA, plain_rsa)
                              + issuer("https://es-only.example.test", jwks, "MTLSOAuthAlgorithms ES256 EdDSA")
                              + location("/api"))])


@pytest.fixture
def ask(server, connect):
    return lambda token: connect(server).request("/api/secret.txt", token)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_proves(ask, keys, name):
    """Every algorithm of the MTLSOAuthAlgorithms row."""
    admitted(ask(mint(keys[name], claims(ISSUER))))


@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
def test_eddsa_is_both_edwards_curves(ask, keys, name):
    """RFC 8037: `EdDSA` names both curves."""
    admitted(ask(mint(keys[name], claims(ISSUER), {"alg": "EdDSA"})))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_changed_byte_is_refused(ask, keys, name):
    """Any part of the token changed after signing."""
    head, body, signature = mint(keys[name], claims(ISSUER)).split(".")
    for place in (0, len(decode(signature)) // 2, len(decode(signature)) - 1):
        octets = bytearray(decode(signature))
        octets[place] ^= 1
        refused(ask(f"{head}.{body}.{encode(bytes(octets))}"), "signature_invalid")
    other = encode(json.dumps(claims(ISSUER, sub="root")).encode())
    refused(ask(f"{head}.{other}.{signature}"), "signature_invalid")
    header = encode(json.dumps({**json.loads(decode(head)), "typ": "JWT"}).encode())
    refused(ask(f"{header}.{body}.{signature}"), "signature_invalid")


def test_every_bit_of_a_signature_counts(ask, keys):
    head, body, signature = mint(keys["Ed25519"], claims(ISSUER)).split(".")
    admitted(ask(f"{head}.{body}.{signature}"))
    for bit in range(512):
        octets = bytearray(decode(signature))
        octets[bit // 8] ^= 1 << bit % 8
        refused(ask(f"{head}.{body}.{encode(bytes(octets))}"), "signature_invalid")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_signature_of_another_length(ask, keys, name):
    """RFC 7518 sections 3.3 to 3.5: the length is fixed by the key."""
    head, body, signature = mint(keys[name], claims(ISSUER)).split(".")
    octets = decode(signature)
    for wrong in (octets[:-1], octets + b"\0", b"\0" + octets, octets[1:], octets[:1], octets * 2):
        refused(ask(f"{head}.{body}.{encode(wrong)}"), "signature_invalid", "token_malformed")
    refused(ask(f"{head}.{body}."), "signature_invalid", "token_malformed")


def replaced(keys, name, make):
    """A token of this algorithm whose signature is `make(private key, signed bytes, good signature)`."""
    head, body, signature = mint(keys[name], claims(ISSUER)).split(".")
    return f"{head}.{body}.{encode(make(keys[name].private, f'{head}.{body}'.encode(), decode(signature)))}"


def pair(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def as_der(_key, _data, good):
    return encode_dss_signature(int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big"))


def edwards_plus_order(_key, _data, good):
    return good[:32] + (int.from_bytes(good[32:], "little") + ED25519_ORDER).to_bytes(32, "little")


def pss(digest, mask, salt):
    return lambda key, data, good: key.sign(data, padding.PSS(padding.MGF1(mask), salt), digest)


FORGED = {
    "r and s zero (psychic)": ("ES256", lambda k, d, g: bytes(64)),
    "r zero": ("ES256", lambda k, d, g: bytes(32) + g[32:]),
    "s zero": ("ES256", lambda k, d, g: g[:32] + bytes(32)),
    "r and s the order": ("ES256", lambda k, d, g: pair(P256_ORDER, P256_ORDER)),
    "r and s one": ("ES256", lambda k, d, g: pair(1, 1)),
    "DER for R||S": ("ES256", as_der),
    "r and s swapped": ("ES256", lambda k, d, g: g[32:] + g[:32]),
    "zeros at ES512": ("ES512", lambda k, d, g: bytes(132)),
    "S + L": ("Ed25519", edwards_plus_order),
    "all zero at Ed25519": ("Ed25519", lambda k, d, g: bytes(64)),
    "all zero at RS256": ("RS256", lambda k, d, g: bytes(256)),
    "PSS under RS256": ("RS256", pss(hashes.SHA256(), hashes.SHA256(), 32)),
    "PKCS1 under PS256": ("PS256", lambda k, d, g: k.sign(d, padding.PKCS1v15(), hashes.SHA256())),
    "PSS salt of 0": ("PS256", pss(hashes.SHA256(), hashes.SHA256(), 0)),
    "PSS salt of 20": ("PS256", pss(hashes.SHA256(), hashes.SHA256(), 20)),
    "PSS longest salt": ("PS256", pss(hashes.SHA256(), hashes.SHA256(), padding.PSS.MAX_LENGTH)),
    "PSS with MGF1-SHA1": ("PS256", pss(hashes.SHA256(), hashes.SHA1(), 32)),
    "SHA-512 under PS256": ("PS256", pss(hashes.SHA512(), hashes.SHA512(), 64)),
    "SHA-1 under RS256": ("RS256", lambda k, d, g: k.sign(d, padding.PKCS1v15(), hashes.SHA1())),
    "SHA-384 under ES256": ("ES256", lambda k, d, g: as_pair(k.sign(d, ec.ECDSA(hashes.SHA384())))),
}


def as_pair(der):
    return pair(*decode_dss_signature(der))


@pytest.mark.parametrize("name, make", FORGED.values(), ids=FORGED)
def test_forged_signature(ask, keys, name, make):
    """Signatures of the wrong form or parameters (CVE-2022-21449 and kin)."""
    admitted(ask(replaced(keys, name, lambda key, data, good: good)))
    refused(ask(replaced(keys, name, make)), "signature_invalid", "token_malformed")


def test_other_s_of_ecdsa_is_a_signature(ask, keys):
    """JWS does not ask for the low s: n - s verifies as well, so it must not be refused by accident."""
    def mirrored(_key, _data, good):
        return good[:32] + (P256_ORDER - int.from_bytes(good[32:], "big")).to_bytes(32, "big")
    admitted(ask(replaced(keys, "ES256", mirrored)))


ALGORITHM_VALUES = ["none", "None", "NONE", "nOnE", "", None, 1, True, ["RS256"], {"alg": "RS256"}, "RS256\u0000",
                    "rs256", " RS256", "RS256 ", "RS1", "HS256", "HS384", "HS512", "hs256", "ES256K", "RSA-OAEP", "dir",
                    ...]


@pytest.mark.parametrize("value", ALGORITHM_VALUES, ids=repr)
@pytest.mark.parametrize("signature", ["good", "empty", "zero"])
def test_algorithm_named_by_the_token(ask, keys, value, signature):
    """RFC 8725 section 3.1: only what the policy lists, spelled exactly so (CVE-2015-9235)."""
    admitted(ask(mint(keys["RS256"], claims(ISSUER), {"alg": "RS256"})))
    token = mint(keys["RS256"], claims(ISSUER), {"alg": value})
    head, body, good = token.split(".")
    sent = {"good": good, "empty": "", "zero": encode(bytes(256))}[signature]
    allowed = ["algorithm_not_allowed"]
    if signature == "empty" or value == "RS256\u0000":
        # an empty third segment and a NUL in the header are faults of the token's form as well
        allowed.append("token_malformed")
    refused(ask(f"{head}.{body}.{sent}"), *allowed)


def secrets_of(key):
    """What an attacker may try as HMAC secret: every spelling of the public key."""
    public = key.private.public_key()
    pem = key.public_pem().encode()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    numbers = public.public_numbers()
    return [pem, pem.rstrip(b"\n"), der, numbers.n.to_bytes(256, "big"), key.jwk()["n"].encode(), b"", b"\0",
            b"a secret of some length, 32 bytes"]


@pytest.mark.parametrize("kid", ["RS256", "oct", "unknown", ...], ids=str)
@pytest.mark.parametrize("number", range(8))
def test_public_key_is_no_hmac_secret(ask, keys, kid, number):
    """HS256 keyed with any spelling of the public key, or with the set's own oct key."""
    secret = secrets_of(keys["RS256"])[number]
    head = encode(json.dumps({"alg": "HS256"} if kid is ... else {"alg": "HS256", "kid": kid}).encode())
    body = encode(json.dumps(claims(ISSUER)).encode())
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    refused(ask(f"{head}.{body}.{encode(mac)}"), "algorithm_not_allowed")


def test_policy_narrows_the_algorithms(ask, keys):
    """MTLSOAuthAlgorithms: what it does not list is refused although the key is there."""
    for name, header in (("ES256", {}), ("Ed25519", {"alg": "EdDSA"})):
        admitted(ask(mint(keys[name], claims("https://es-only.example.test"), header)))
    for name in ("RS256", "PS256", "ES384", "ES512"):
        refused(ask(mint(keys[name], claims("https://es-only.example.test"))), "algorithm_not_allowed")


CLASHES = ["rsa-for-ps256", "rsa-for-rs512", "rsa-for-oaep", "rsa-alg-case", "rsa-enc", "rsa-sign-only", "rsa-encrypt",
           "rsa-no-ops", "ec-for-es384", "ec-for-ecdh", "ec-enc", "ec-derive", "ed-for-ed448", "ed-enc"]


@pytest.mark.parametrize("kid", CLASHES)
def test_jwk_says_what_it_is_for(ask, keys, clashing, kid):
    """RFC 7517 sections 4.2 to 4.4: a good signature under a key meant for something else."""
    key, members = clashing[kid]
    admitted(ask(mint(key, claims(ISSUER))))
    # a key that can sign under no name at all may be left out of the set when it is loaded
    usable = ALGORITHMS.get(members.get("alg"), ("none",))[0] == ALGORITHMS[key.algorithm][0]
    codes = ["algorithm_not_allowed"] if usable else ["algorithm_not_allowed", "key_unknown"]
    refused(ask(mint(key.using(key.algorithm, kid), claims(ISSUER))), *codes)


@pytest.mark.parametrize("kid, algorithm",
                         [("RS256", "ES256"), ("ES256", "RS256"), ("ES256", "ES384"), ("ES384", "ES256"),
                                            ("Ed25519", "ES256"), ("Ed25519", "Ed448"), ("Ed448", "Ed25519")])
def test_kid_of_a_key_that_cannot_sign_so(ask, keys, kid, algorithm):
    """A key of that kid is there, but not for the token's algorithm."""
    refused(ask(mint(keys[algorithm].using(algorithm, kid), claims(ISSUER))), "algorithm_not_allowed")


BROKEN = ["rsa-1024", "rsa-e1", "rsa-even-e", "rsa-kty-ec", "rsa-no-n", "ec-off-curve", "ec-zero", "ec-crv-p384",
          "ec-kty-rsa", "ec-padded-x", "ec-private", "kty-missing", "ed-short"]


@pytest.mark.parametrize("kid", BROKEN)
def test_broken_key_of_a_set_is_skipped(ask, broken, kid):
    """A bad key is no key, and the others of its file live (RFC 7517 section 5, RFC 7518 section 3.3)."""
    key, _ = broken[kid]
    refused(ask(mint(key.using(key.algorithm, kid), claims(ISSUER))), "key_unknown")


def test_skipped_keys_are_logged_once(server, broken):
    """A bad key in a set is skipped and logged once."""
    everything = server.lines()
    for kid in ("rsa-1024", "ec-off-curve"):
        told = [line for line in everything if f'"{kid}"' in line or f"kid={kid}" in line or f" {kid}" in line]
        started = [line for line in told if "refused" not in line]
        assert len(started) == 1, started


@pytest.mark.parametrize("iss, name", [(ONE_EC, "ES256"), (ONE_RSA, "RS256")])
def test_key_without_kid(ask, keys, iss, name):
    """A key without a kid is tried for a token without one and for a token of any kid."""
    admitted(ask(mint(keys[name].using(name, None), claims(iss))))
    admitted(ask(mint(keys[name].using(name, "whatever"), claims(iss))))
    refused(ask(mint(Key(name), claims(iss))), "signature_invalid")


@pytest.mark.parametrize("name", ["RS256", "PS384", "ES512", "Ed448"])
def test_token_without_kid_finds_its_key(ask, keys, name):
    """Without a kid the keys that fit the algorithm are tried."""
    admitted(ask(mint(keys[name].using(name, None), claims(ISSUER))))
    refused(ask(mint(Key(name), claims(ISSUER))), "signature_invalid")


def test_two_keys_of_one_kid(launch, connect, work):
    """An issuer that rolls its key under one kid: both are tried."""
    old, new = Key("ES256", kid="rolled"), Key("ES256", kid="rolled")
    server = launch(hosts=[Host(issuer(ISSUER, write_jwks(work / "rolled.json", old.jwk(), new.jwk()))
                                + location("/api"))])
    for key in (old, new):
        admitted(connect(server).request("/api/secret.txt", mint(key, claims(ISSUER))))
    refused(connect(server).request("/api/secret.txt", mint(Key("ES256", kid="rolled"), claims(ISSUER))),
            "signature_invalid")


def test_four_candidates_and_no_more(launch, connect, work):
    """At most 4 verifications a token; a kid picks the fifth key directly."""
    many = [Key("ES256", kid=f"n{number}") for number in range(6)]
    jwks = write_jwks(work / "many.json", *[key.jwk() for key in many])
    server = launch(hosts=[Host(issuer(ISSUER, jwks) + location("/api"))])
    for number, key in enumerate(many):
        admitted(connect(server).request("/api/secret.txt", mint(key, claims(ISSUER))))
        answer = connect(server).request("/api/secret.txt", mint(key.using("ES256", None), claims(ISSUER)))
        if number < 4:
            admitted(answer)
        else:
            refused(answer, "signature_invalid")


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
@pytest.mark.parametrize("kid", ["ES256", "attacker", None])
def test_key_brought_by_the_token(ask, keys, pki, member, kid):
    """RFC 8725 section 3.10: keys come from the issuer's file; the header's are not used and nothing is fetched."""
    attacker = Key("ES256", kid)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        value = {"jwk": attacker.jwk(), "jku": url, "x5u": url,
                 "x5c": [base64.b64encode(pki.thief.der).decode()]}[member]
        refused(ask(mint(attacker, claims(ISSUER), {member: value})), *(
            ["key_unknown"] if kid == "attacker" else ["signature_invalid"]))
        admitted(ask(mint(keys["ES256"], claims(ISSUER), {member: value})))
        with pytest.raises(BlockingIOError):
            listener.accept()


KIDS = ["../../etc/passwd", "..%2f..%2fkey", "' OR '1'='1", "ES256\n", "ES256 ", "es256", "ES256\u00e9", "", "x" * 8000,
        "https://127.0.0.1/keys", "$(id)", "%s%n%x", "\u202eES256"]


@pytest.mark.parametrize("kid", KIDS, ids=lambda kid: repr(kid[:20]))
def test_kid_is_only_compared(ask, keys, kid):
    """A kid is a name, compared byte for byte and never used as anything else."""
    refused(ask(mint(keys["ES256"].using("ES256", kid), claims(ISSUER), {"kid": kid})), "key_unknown")


@pytest.mark.parametrize("kid", [1, None, True, ["ES256"], {}], ids=repr)
def test_kid_that_is_no_string(ask, keys, kid):
    """RFC 7515 section 4.1.4: kid is a string."""
    refused(ask(mint(keys["ES256"], claims(ISSUER), {"kid": kid})), "token_malformed")


@pytest.mark.parametrize("header", [
    {"crit": ["exp"], "exp": 1}, {"crit": ["b64"], "b64": True}, {"crit": ["b64"], "b64": False},
    {"crit": ["x"], "x": 1}, {"crit": []}, {"crit": ["alg"]}, {"crit": "exp"}, {"crit": None}, {"crit": {}},
    {"crit": [1]}, {"crit": 0}, {"b64": False}, {"b64": True}, {"b64": None}], ids=repr)
def test_critical_header(ask, keys, header):
    """RFC 7515 section 4.1.11, RFC 7797: no extension is understood, so each refuses."""
    refused(ask(mint(keys["ES256"], claims(ISSUER), header)), "critical_header")


def test_unencoded_payload(ask, keys):
    """RFC 7797: a payload that is not base64url-encoded is none."""
    head = encode(json.dumps({"alg": "ES256", "kid": "ES256", "crit": ["b64"], "b64": False}).encode())
    refused(ask(signed(keys["ES256"], head, "plain-text")), "critical_header", "token_malformed")


@pytest.mark.parametrize("spoil", [
    lambda head, body: (with_trailing_bits(head), body), lambda head, body: (head, with_trailing_bits(body)),
    lambda head, body: (head + "=", body), lambda head, body: (head, body + "="),
    lambda head, body: (head, body + "=="),
    lambda head, body: (head + "A", body), lambda head, body: ("", body),
    lambda head, body: (head, body[:40] + "%" + body[41:]), lambda head, body: (head, body[:40] + "~" + body[41:]),
    lambda head, body: (head, body[:40] + "+" + body[41:]), lambda head, body: (head, body[:40] + "/" + body[41:]),
    lambda head, body: (head[:10] + "\u00e9" + head[11:], body),
], ids=["header bits", "payload bits", "header padded", "payload padded", "padded twice", "one over", "no header",
        "percent", "tilde", "plus", "slash", "latin-1"])
def test_strict_base64url(ask, keys, spoil):
    """RFC 7515 section 2: one spelling; the signature covers the wrong one here and is good."""
    def segment(value):
        octets = json.dumps(value).encode()
        return encode(octets if len(octets) % 3 else octets + b" ")
    head = segment({"alg": "ES256", "kid": "ES256"})
    body = segment(claims(ISSUER))
    admitted(ask(signed(keys["ES256"], head, body)))
    refused(ask(signed(keys["ES256"], *spoil(head, body))), "token_malformed")


def test_empty_payload(ask, keys):
    """A JWS may cover nothing (RFC 7515); claims it has none."""
    head = encode(json.dumps({"alg": "ES256", "kid": "ES256"}).encode())
    refused(ask(signed(keys["ES256"], head, "")), "claims_malformed", "token_malformed")


def test_strict_base64url_of_the_signature(ask, keys):
    """64 bytes leave 4 spare bits in the last character: each other spelling is another token."""
    head, body, signature = mint(keys["ES256"], claims(ISSUER)).split(".")
    admitted(ask(f"{head}.{body}.{signature}"))
    for wrong in (with_trailing_bits(signature), signature + "=", signature + "=="):
        refused(ask(f"{head}.{body}.{wrong}"), "token_malformed")
