"""MTLSOAuthProfile fapi2: bound tokens, three algorithms, close clocks; what is weaker beside it is a mistake."""

import time

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.keys import Key, write_jwks
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER, OTHER = "https://fapi.example.test", "https://plain.example.test"
GOOD = ("PS256", "ES256", "EdDSA", "Ed25519")
BAD = ("RS256", "PS384", "ES384", "ES512", "Ed448")


@pytest.fixture(scope="module")
def keys():
    made = {name: Key(name, kid=name) for name in (*GOOD, *BAD) if name != "EdDSA"}
    made["EdDSA"] = Key("Ed25519", kid="EdDSA")
    made["EdDSA with Ed448"] = Key("Ed448", kid="448")
    return made


@pytest.fixture(scope="module")
def server(launch, work, keys):
    jwks = write_jwks(work / "fapi.json", *(key.jwk() for key in keys.values()))
    text = (issuer(ISSUER, jwks, "MTLSOAuthProfile fapi2") + issuer(OTHER, jwks, "MTLSOAuthRemoteUserSuffix @other")
            + location("/api"))
    return launch(hosts=[Host(text)])


@pytest.fixture
def ask(server, connect, pki):
    def send(key, certificate=pki.owner, header=None, **changes):
        said = claims(ISSUER, **{"cnf": bound_to(pki.owner), **changes})
        return connect(server, certificate).request("/api/secret.txt", mint(key, said, header))
    return send


@pytest.mark.parametrize("name", GOOD)
def test_allowed_algorithm(ask, keys, name):
    admitted(ask(keys[name], header={"alg": name}), binding="bound")


@pytest.mark.parametrize("name", BAD)
def test_other_algorithm(ask, keys, name):
    """A key of the set is not enough; under another profile the same token passes."""
    refused(ask(keys[name]), "algorithm_not_allowed")
    admitted(ask(keys[name], iss=OTHER), user="alice@other", binding="bound")


def test_curve_of_eddsa(ask, keys):
    """EdDSA is for Ed25519 alone."""
    key = keys["EdDSA with Ed448"]
    refused(ask(key, header={"alg": "EdDSA"}), "algorithm_not_allowed")
    admitted(ask(key, header={"alg": "EdDSA"}, iss=OTHER), user="alice@other", binding="bound")


def test_binding_is_required(ask, keys, pki):
    refused(ask(keys["ES256"], cnf=...), "binding_missing")
    refused(ask(keys["ES256"], pki.thief), "certificate_mismatch")


def test_clock(ask, keys):
    """A token from 10 s ahead passes, one from 60 s ahead does not."""
    now = int(time.time())
    admitted(ask(keys["ES256"], iat=now + 10, nbf=now + 10), binding="bound")
    refused(ask(keys["ES256"], iat=now + 62), "token_not_yet_valid")
    refused(ask(keys["ES256"], nbf=now + 62), "token_not_yet_valid")


WEAKER = [("MTLSOAuthUseMutualTLS request", "required"), ("MTLSOAuthUseMutualTLS none", "required"),
          ("MTLSOAuthAlgorithms PS256 RS256", "PS256, ES256"), ("MTLSOAuthClockSkew 5s", "10s to 59s"),
          ("MTLSOAuthClockSkew 60s", "10s to 59s")]


@pytest.mark.parametrize("outside", [False, True], ids=["in the block", "in the server"])
@pytest.mark.parametrize("line, remedy", WEAKER, ids=[line for line, _ in WEAKER])
def test_weaker_beside_it(make_httpd, jwks, line, remedy, outside):
    """Wherever the block takes it from."""
    lines = ["MTLSOAuthProfile fapi2"] + ([] if outside else [line])
    text = (line + "\n" if outside else "") + issuer(ISSUER, jwks, *lines) + location("/api")
    code, said = make_httpd(hosts=[Host(text)]).configtest()
    assert code != 0 and line.split()[0] in said and remedy in said and ISSUER in said, said


WARNING = "<MTLSOAuthIssuer https://fapi.example.test>: MTLSOAuthProfile fapi2 wants revoked tokens refused"


def test_revocation_is_seen(make_httpd, jwks, work):
    """An issuer that is asked about every token, or a deny list, is enough; one that is asked about opaque ones is not."""
    deny, secret = work / "deny", work / "secret"
    deny.write_text("jti:revoked\n")
    secret.write_text("a-secret-of-some-length\n")
    secret.chmod(0o600)
    asked = ("MTLSOAuthIntrospectionURI https://127.0.0.1/introspect", "MTLSOAuthIntrospectionClientID us",
             "MTLSOAuthIntrospectionClientAuth client_secret_basic", f"MTLSOAuthIntrospectionClientSecretFile {secret}")
    for lines, outside, warned in (((), f"MTLSOAuthDenyFile {deny}\n", False), (asked, "", True),
                                   ((*asked, "MTLSOAuthIntrospectJWT on"), "", False)):
        text = outside + issuer(ISSUER, jwks, "MTLSOAuthProfile fapi2", *lines)
        code, said = make_httpd(hosts=[Host(text)]).configtest("DUMP_MTLS_OAUTH")
        assert code == 0 and (WARNING in said) == warned, said


def test_as_strong_beside_it(make_httpd, jwks):
    """What is as strong stands, and the dump shows what holds; that nobody tells of revoked tokens is warned of."""
    lines = ("MTLSOAuthProfile fapi2", "MTLSOAuthUseMutualTLS required", "MTLSOAuthAlgorithms ES256",
             "MTLSOAuthClockSkew 59s")
    code, said = make_httpd(hosts=[Host(issuer(ISSUER, jwks, *lines))]).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and "MTLSOAuthClockSkew 59s" in said, said
    code, said = make_httpd(hosts=[Host(issuer(ISSUER, jwks, lines[0]))]).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and "MTLSOAuthProfile fapi2" in said and "MTLSOAuthUseMutualTLS required" in said
    assert "MTLSOAuthAlgorithms PS256 ES256 EdDSA Ed25519\n" in said
    assert WARNING in said
