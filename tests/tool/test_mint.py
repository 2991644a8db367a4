"""mint: tokens of every algorithm, verified by python's cryptography; its claims; keys that are none."""

import json
import time

import bench
import pytest
from bench import (ALGORITHMS, AUDIENCE, ISSUER, decode, fails, parts, pem, private_jwk, public_jwk, run, verifies,
                   write_json)
from cryptography.hazmat.primitives import serialization

PEM_STYLES = {
    "PKCS8": serialization.PrivateFormat.PKCS8,
    "traditional": serialization.PrivateFormat.TraditionalOpenSSL,
}


def base(key, *options):
    return ("mint", "--key", key, "--issuer", ISSUER, "--audience", AUDIENCE, "--subject", "reports", *options)


@pytest.fixture
def jwk(tmp_path, key):
    return write_json(tmp_path / "key.jwk", private_jwk(key, kid="k1", alg="ES256", key_ops=["sign"]))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm_from_jwk(keys, alg, tmp_path):
    key = keys[ALGORITHMS[alg][0]]
    path = write_json(tmp_path / "key.jwk", private_jwk(key, kid="k1", alg=alg))
    text = run(*base(path)).out
    assert parts(text)[0] == {"alg": alg, "typ": "at+jwt", "kid": "k1"}
    assert verifies(text, alg, key.public_key())


@pytest.mark.parametrize("alg, style", [(alg, style) for alg in ALGORITHMS for style in PEM_STYLES
                                        if style == "PKCS8" or ALGORITHMS[alg][0] not in bench.EDWARDS])
def test_each_algorithm_from_pem(keys, alg, style, tmp_path):
    key = keys[ALGORITHMS[alg][0]]
    path = tmp_path / "key.pem"
    path.write_bytes(pem(key, PEM_STYLES[style]))
    text = run(*base(path, "--alg", alg)).out
    assert parts(text)[0] == {"alg": alg, "typ": "at+jwt"}
    assert verifies(text, alg, key.public_key())


@pytest.mark.parametrize("kind, alg", [("rsa", "RS256"), ("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512"),
                                       ("Ed25519", "EdDSA"), ("Ed448", "EdDSA")])
def test_the_algorithm_that_fits_the_key(keys, kind, alg, tmp_path):
    path = write_json(tmp_path / "key.jwk", private_jwk(keys[kind]))
    text = run(*base(path)).out
    assert parts(text)[0]["alg"] == alg
    assert verifies(text, alg, keys[kind].public_key())


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_verify_jws_and_check_accept_what_is_minted(keys, alg, tmp_path):
    key = keys[ALGORITHMS[alg][0]]
    path = write_json(tmp_path / "key.jwk", private_jwk(key, kid="k1", alg=alg))
    jwks = {"keys": [public_jwk(key, kid="k1", alg=alg)]}
    text = run(*base(path)).out.strip()
    assert run("verify-jws", stdin=json.dumps({"jws": text, "jwks": jwks})).out == '{"verdict":"accept"}\n'
    run("check", "--issuer", ISSUER, "--audience", AUDIENCE, "--profile", "rfc9068", "--jwks",
        write_json(tmp_path / "jwks.json", jwks), text)


def test_rsa_key_of_n_e_and_d_alone(keys, tmp_path):
    jwk = {name: value for name, value in private_jwk(keys["rsa"]).items() if name in ("kty", "n", "e", "d")}
    text = run(*base(write_json(tmp_path / "key.jwk", jwk), "--alg", "PS384")).out
    assert verifies(text, "PS384", keys["rsa"].public_key())


def test_key_from_standard_input(key):
    text = run(*base("-"), stdin=json.dumps(private_jwk(key))).out
    assert verifies(text, "ES256", key.public_key())


def test_claims(jwk):
    before = int(time.time())
    claims = parts(run(*base(jwk)).out)[1]
    assert set(claims) == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti"}
    assert (claims["iss"], claims["aud"], claims["sub"], claims["client_id"]) \
        == (ISSUER, AUDIENCE, "reports", "reports")
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == 300
    assert len(decode(claims["jti"])) == 16


def test_no_two_tokens_share_a_jti(jwk):
    assert len({parts(run(*base(jwk)).out)[1]["jti"] for _ in range(20)}) == 20


def test_binding(jwk, owner):
    assert parts(run(*base(jwk, "--cert", owner.path)).out)[1]["cnf"] == {"x5t#S256": owner.x5t}


@pytest.mark.parametrize("options, wanted", [
    (("--audience", "b"), {"aud": [AUDIENCE, "b"]}),
    (("--at", "1700000000"), {"iat": 1700000000, "exp": 1700000300}),
    (("--at", "2023-11-14T22:13:20Z", "--lifetime", "60"), {"iat": 1700000000, "exp": 1700000060}),
    (("--at", "5", "--lifetime=0"), {"iat": 5, "exp": 5}),
    (("--claim", "scope=\"read write\""), {"scope": "read write"}),
    (("--claim", "roles=[\"a\", {\"b\": null}]", "--claim", "n=1.5"), {"roles": ["a", {"b": None}], "n": 1.5}),
    (("--claim", "sub=17"), {"sub": 17, "client_id": "reports"}),
    (("--claim", "a=1", "--claim", "a=2"), {"a": 2}),
    (("--claim", "exp="), {"exp": None}),
    (("--claim", "never-there="), {"never-there": None}),
    (("--claim", "x=\"a=b\""), {"x": "a=b"}),
    (("--claim", "cnf={}"), {"cnf": {}}),
])
def test_claims_by_option(jwk, options, wanted):
    claims = parts(run(*base(jwk, *options)).out)[1]
    assert {name: claims.get(name) for name in wanted} == wanted
    assert all((value is None) == (name not in claims) for name, value in wanted.items())


@pytest.mark.parametrize("options, wanted", [
    (("--kid", "k2"), {"alg": "ES256", "typ": "at+jwt", "kid": "k2"}),
    (("--kid", ""), {"alg": "ES256", "typ": "at+jwt"}),
    (("--typ", "JWT"), {"alg": "ES256", "typ": "JWT", "kid": "k1"}),
    (("--typ=",), {"alg": "ES256", "kid": "k1"}),
    (("--alg", "ES256"), {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}),
])
def test_header_by_option(jwk, options, wanted):
    assert parts(run(*base(jwk, *options)).out)[0] == wanted


@pytest.mark.parametrize("options, hint", [
    (("--alg", "RS256"), "the key is not for this algorithm"),
    (("--alg", "HS256"), "not one of the algorithms here"),
    (("--alg", "none"), "not one of the algorithms here"),
    (("--claim", "x"), "NAME=JSON is needed"),
    (("--claim", "=1"), "NAME=JSON is needed"),
    (("--claim", "x=read"), "a string needs its quotes"),
    (("--claim", "x={\"a\":1,\"a\":2}"), "not JSON"),
    (("--claim", "x=1 2"), "not JSON"),
    (("--claim", b"x\xff=1"), "not JSON"),
    (("--cert", "/dev/null"), "no certificate"),
    (("--kid", b"\xff"), "not valid UTF-8"),
])
def test_mistakes(jwk, options, hint):
    arguments = [str(bench.TOOL), *base(jwk), *options]
    done = bench.subprocess.run(arguments, stdout=bench.subprocess.PIPE, stderr=bench.subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert hint in done.stderr.decode(errors="replace") and done.stderr.count(b"\n") == 1


def without(jwk, *names):
    return {name: value for name, value in jwk.items() if name not in names}


OTHER = bench.make_key("P-256")
PASSPHRASE = serialization.BestAvailableEncryption(b"secret")

# the content of a key file -> what is said
BAD_KEYS = {
    "nothing": (lambda keys: b"", "not JSON"),
    "rubbish": (lambda keys: b"\0\xff" * 100, "not JSON"),
    "PEM of a public key": (lambda keys: keys["rsa"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo), "no PEM private key"),
    "PEM cut": (lambda keys: pem(keys["rsa"])[:-60], "no PEM private key"),
    "PEM encrypted": (lambda keys: pem(keys["rsa"], encryption=PASSPHRASE), "or an encrypted one"),
    "PEM of an RSA key of 1024 bits": (lambda keys: pem(bench.make_key("rsa", 1024)), "RSA modulus not of 2048"),
    "PEM of another curve": (lambda keys: pem(bench.ec.generate_private_key(bench.ec.SECP256K1())), "a key type"),
    "JWK Set": (lambda keys: {"keys": [private_jwk(keys["P-256"])]}, "a JWK Set; a single private JWK"),
    "public JWK": (lambda keys: public_jwk(keys["P-256"]), "a public key"),
    "symmetric JWK": (lambda keys: {"kty": "oct", "k": "AAAA"}, "a kty or crv"),
    "JWK without kty": (lambda keys: without(private_jwk(keys["P-256"]), "kty"), "a kty or crv"),
    "JWK of another curve": (lambda keys: {**private_jwk(keys["P-256"]), "crv": "secp256k1"}, "a kty or crv"),
    "JWK for encryption": (lambda keys: private_jwk(keys["P-256"], use="enc"), "use is not sig"),
    "JWK for HS256": (lambda keys: private_jwk(keys["P-256"], alg="HS256"), "an alg that is not used here"),
    "JWK for RS256": (lambda keys: private_jwk(keys["P-256"], alg="RS256"), "alg contradicts"),
    "JWK with a number as kid": (lambda keys: private_jwk(keys["P-256"], kid=1), "kid or alg is not a string"),
    "EC d of another key": (lambda keys: {**private_jwk(keys["P-256"]), "d": private_jwk(OTHER)["d"]}, "private part"),
    "EC d too long": (lambda keys: {**private_jwk(keys["P-256"]), "d": "A" * 3000}, "do not make a key"),
    "EC d zero": (lambda keys: {**private_jwk(keys["P-256"]), "d": "A" * 43}, "mtls-oauth: --key"),
    "EC d a number": (lambda keys: {**private_jwk(keys["P-256"]), "d": 1}, "do not make a key"),
    "EC x short": (lambda keys: {**private_jwk(keys["P-256"]), "x": "AAAA"}, "do not make a key"),
    "EC point off the curve": (lambda keys: {**private_jwk(keys["P-256"]), "x": "A" * 43}, "do not make a key"),
    "OKP x of another key": (lambda keys: {**private_jwk(keys["Ed25519"]),
                                           "x": public_jwk(bench.make_key("Ed25519"))["x"]}, "private part"),
    "OKP d short": (lambda keys: {**private_jwk(keys["Ed25519"]), "d": "AAAA"}, "do not make a key"),
    "RSA without n": (lambda keys: without(private_jwk(keys["rsa"]), "n"), "do not make a key"),
    "RSA without q": (lambda keys: without(private_jwk(keys["rsa"]), "q"), "mtls-oauth: --key"),
    "RSA of 2 bytes": (lambda keys: {"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}, "RSA modulus not of 2048"),
    "RSA d of another key": (lambda keys: {**without(private_jwk(keys["rsa"]), "p", "q", "dp", "dq", "qi"),
                                           "d": private_jwk(bench.make_key("rsa"))["d"]}, "private part"),
}


@pytest.mark.parametrize("kind", BAD_KEYS)
def test_keys_that_are_none(keys, kind, tmp_path):
    make, hint = BAD_KEYS[kind]
    content = make(keys)
    path = tmp_path / "key"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    outcome = fails(*base(path), hint=hint)
    secret = content.get("d") if isinstance(content, dict) else None
    assert not isinstance(secret, str) or secret not in outcome.err
