"""Claims of a token whose signature is good (RFC 7519, 9068; the strict JSON rules of the specification)."""

import http.client
import json
import socket
import time

import pytest

from support import bad_json
from support.blocks import issuer, location
from support.client import Answer, tls_context
from support.expect import admitted, refused
from support.server import Host
from support.tokens import AUDIENCE, claims, mint

ISSUER = "https://claims.example.test"
EXACT = "https://exact.example.test"
PATIENT = "https://patient.example.test"
SHORT = "https://short.example.test"
ANY = "https://any.example.test"
NAMED = "https://named.example.test"
DEMANDING = "https://demanding.example.test"
TWO = "https://two.example.test"
SKEW = 30


@pytest.fixture(scope="module")
def server(launch, jwks):
    return launch(hosts=[Host(
        issuer(ISSUER, jwks)
        + issuer(EXACT, jwks, "MTLSOAuthClockSkew 0")
        + issuer(PATIENT, jwks, "MTLSOAuthClockSkew 5min")
        + issuer(SHORT, jwks, "MTLSOAuthMaxTokenLifetime 1h")
        + issuer(ANY, jwks, "MTLSOAuthAudience any", audience="")
        + issuer(TWO, jwks, "MTLSOAuthAudience https://one.example.test urn:two", audience="")
        + issuer(NAMED, jwks, "MTLSOAuthRemoteUserClaim preferred_username person.login.name "
                 r'"https://example\.test/user"', "MTLSOAuthRemoteUserSuffix @example.test",
                 "MTLSOAuthClientIDClaim app.id client_id")
        + issuer(DEMANDING, jwks, r'MTLSOAuthRequiredClaims tenant person.mail "dotted\\.name"')
        + location("/api")
        + 'Alias "/narrow" "{root}/api"\n' + location("/narrow", "MTLSOAuthAudience urn:narrow urn:other"))])


@pytest.fixture
def ask(server, connect, key):
    """One request with a token of these claims; `payload` gives them as raw bytes."""
    def send(iss=ISSUER, payload=None, path="/api/secret.txt", **changes):
        return connect(server).request(path, mint(key, claims(iss, **changes) if payload is None else payload))
    return send


def now():
    return int(time.time())


def spelled(**raw):
    """The payload of an ordinary token with these claims as raw JSON text."""
    said = claims(ISSUER, **{name: ... for name in raw})
    return (json.dumps(said)[:-1] + "".join(f', "{name}": {text}' for name, text in raw.items()) + "}").encode()


NO_NUMERIC_DATE = ['"1"', "null", "true", "false", "[]", "{}", "[9999999999]", "-1", "-0.5", "-1e300", "NaN",
                   "Infinity", "1e400", "-Infinity", '"9999999999"', '""', "0x7fffffff", "+1", "01", "1.", ".5", "1e",
                   "9999999999 9"]


@pytest.mark.parametrize("text", NO_NUMERIC_DATE)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_no_numeric_date(ask, claim, text):
    """RFC 7519 section 2: a NumericDate is a finite number, and none lies before 1970 here."""
    refused(ask(payload=spelled(**{claim: text})), "claims_malformed")


def test_request_that_takes_its_time(server, pki, key):
    """What counts is when the token is looked at, not when the request line came: fields may come much later."""
    said = {exp: mint(key, claims(EXACT, exp=exp)) for exp in (now() + 2, now() + 60)}
    connections = {exp: socket.create_connection(("127.0.0.1", server.port)) for exp in said}
    tls = {exp: tls_context(pki.authority.path).wrap_socket(raw, server_hostname="localhost") for exp, raw in connections.items()}
    for connection in tls.values():
        connection.sendall(b"GET /api/secret.txt HTTP/1.1\r\nHost: localhost\r\n")
    while now() <= min(said):
        time.sleep(0.1)
    answers = []
    for exp, connection in tls.items():
        connection.sendall(f"Authorization: Bearer {said[exp]}\r\n\r\n".encode())
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        answers.append(Answer(reply.status, reply.getheaders(), reply.read()))
        connection.close()
    refused(answers[0], "token_expired")
    admitted(answers[1])


@pytest.mark.parametrize("claim, text", [
    ("exp", "9999999999"), ("exp", "9999999999.5"), ("exp", "9.999999999e9"), ("exp", "1e308"),
    ("exp", "9223372036854775807"), ("nbf", "0"), ("nbf", "0.5"), ("iat", "0"), ("iat", "1.5"), ("iat", "1E3")])
def test_numeric_date(ask, claim, text):
    """The twins: fractions and exponents are numbers, and a far end saturates."""
    admitted(ask(payload=spelled(**{claim: text})))


@pytest.mark.parametrize("text", ["9223372036854775808", "18446744073709551616", "1" + "0" * 300])
def test_integer_beyond_64_bits(ask, text):
    """Whether the parser takes it or not: no overflow into the past or the future."""
    answer = ask(payload=spelled(exp=text))
    assert (answer.status, answer.refusal) in ((200, None), (401, "claims_malformed")), answer
    for claim in ("nbf", "iat"):
        refused(ask(payload=spelled(**{claim: text})), "claims_malformed", "token_not_yet_valid")


@pytest.mark.parametrize("text", ["1e308", "9223372036854775807", "9223372036854775806.5", "1e19"])
@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_far_future_start(ask, claim, text):
    refused(ask(payload=spelled(**{claim: text})), "token_not_yet_valid")


def test_exp_is_always_asked(ask):
    """A token without an end is refused, in every profile."""
    admitted(ask())
    refused(ask(exp=...), "claim_missing")


# the clock runs on while a request is served: a row that must be admitted keeps two seconds distance from its edge
@pytest.mark.parametrize("iss, claim, offset, code", [
    (ISSUER, "exp", -SKEW + 3, None), (ISSUER, "exp", -SKEW, "token_expired"), (ISSUER, "exp", -3600, "token_expired"),
    (ISSUER, "nbf", SKEW, None), (ISSUER, "nbf", SKEW + 3, "token_not_yet_valid"),
    (ISSUER, "iat", SKEW, None), (ISSUER, "iat", SKEW + 3, "token_not_yet_valid"),
    (EXACT, "exp", 3, None), (EXACT, "exp", 0, "token_expired"),
    (EXACT, "nbf", 0, None), (EXACT, "nbf", 3, "token_not_yet_valid"),
    (PATIENT, "exp", -297, None), (PATIENT, "exp", -300, "token_expired"),
    (PATIENT, "iat", 300, None), (PATIENT, "iat", 303, "token_not_yet_valid")])
def test_clock_skew(ask, iss, claim, offset, code):
    """exp counts until exp + skew, nbf and iat from their time - skew."""
    answer = ask(iss, **{"iat": now() - 4000, claim: now() + offset})
    if code:
        refused(answer, code)
    else:
        admitted(answer)


def test_exp_zero(ask):
    refused(ask(payload=spelled(exp="0")), "token_expired")
    refused(ask(payload=spelled(exp="1.5")), "token_expired")


def test_the_same_token_expires(ask, connect, server, key):
    """A token seen and admitted before is refused when its time is over."""
    token = mint(key, claims(EXACT, exp=now() + 3))
    admitted(connect(server).request("/api/secret.txt", token))
    time.sleep(3.1)
    refused(connect(server).request("/api/secret.txt", token), "token_expired")


@pytest.mark.parametrize("iat, exp, code", [
    (0, 3600, None), (0, 3601, "lifetime_exceeded"), (-1000, 2600, None), (-1000, 2601, "lifetime_exceeded"),
    (0, 1e9, "lifetime_exceeded"), (..., 3590, None), (..., 3610, "lifetime_exceeded")])
def test_token_lifetime(ask, iat, exp, code):
    """MTLSOAuthMaxTokenLifetime: exp - iat, and exp - now for a token that does not say when it was made."""
    start = now()
    answer = ask(SHORT, iat=iat if iat is ... else start + iat, exp=start + exp)
    if code:
        refused(answer, code)
    else:
        admitted(answer)


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["urn:x", AUDIENCE], [AUDIENCE, "urn:x"], [AUDIENCE, AUDIENCE]],
                         ids=repr)
def test_audience(ask, aud):
    """RFC 7519 section 4.1.3: one string, or an array with ours in it."""
    admitted(ask(aud=aud))


@pytest.mark.parametrize("aud", [..., [], "", [""], "urn:x", ["urn:x"], AUDIENCE + "/", AUDIENCE[:-1], AUDIENCE + "x",
                                 AUDIENCE.upper(), AUDIENCE.replace("https", "http"), " " + AUDIENCE, AUDIENCE + " ",
                                 AUDIENCE + ":443", f"{AUDIENCE} urn:x", f"urn:x,{AUDIENCE}", "any", "*"], ids=repr)
def test_other_audience(ask, aud):
    """Byte for byte; a token without an audience is for nobody (GHSA-wcvh-g65p-v576)."""
    refused(ask(aud=aud), "audience_mismatch")


NO_AUDIENCE = [1, None, True, {}, {"aud": AUDIENCE}, [[AUDIENCE]], [AUDIENCE, 1], [1, AUDIENCE], [AUDIENCE, None],
               [{"a": AUDIENCE}]]


@pytest.mark.parametrize("aud", NO_AUDIENCE, ids=repr)
def test_audience_of_another_type(ask, aud):
    refused(ask(aud=aud), "claims_malformed")


def test_any_audience(ask):
    """`any` asks for no audience; a malformed one is malformed all the same."""
    for aud in (..., [], "urn:x", ["urn:x", "urn:y"]):
        admitted(ask(ANY, aud=aud))
    refused(ask(ANY, aud=1), "claims_malformed")


def test_several_audiences_of_a_block(ask):
    for aud in ("https://one.example.test", "urn:two", ["urn:x", "urn:two"]):
        admitted(ask(TWO, aud=aud))
    for aud in (AUDIENCE, "https://one.example.test urn:two"):
        refused(ask(TWO, aud=aud), "audience_mismatch")


def test_audience_of_a_location(ask):
    """In a Location: one of the block's audiences and one of these."""
    narrow = "/narrow/secret.txt"
    for aud in ([AUDIENCE, "urn:narrow"], ["urn:other", AUDIENCE, "urn:x"]):
        admitted(ask(aud=aud, path=narrow))
    for aud in (AUDIENCE, "urn:narrow", ["urn:narrow", "urn:other"], [AUDIENCE, "urn:x"]):
        refused(ask(aud=aud, path=narrow), "audience_mismatch")
    admitted(ask(ANY, aud="urn:narrow", path=narrow))
    refused(ask(ANY, aud="urn:x", path=narrow), "audience_mismatch")
    refused(ask(ANY, aud=..., path=narrow), "audience_mismatch")


@pytest.mark.parametrize("iss", [ISSUER + "/", ISSUER.upper(), ISSUER.replace("https", "http"), ISSUER + ":443",
                                 " " + ISSUER, ISSUER + " ", ISSUER[:-1], "https://user@claims.example.test", "",
                                 "claims.example.test", ..., "https://clai\u043cs.example.test"], ids=repr)
def test_other_issuer(ask, iss):
    """RFC 9068 section 4, RFC 8414 section 4: compared byte for byte; no iss is an unknown one."""
    refused(ask(payload=json.dumps(claims(iss)).encode()), "issuer_unknown")


@pytest.mark.parametrize("iss", [1, None, True, [ISSUER], {"iss": ISSUER}], ids=repr)
def test_issuer_of_another_type(ask, iss):
    refused(ask(payload=json.dumps(claims(iss)).encode()), "claims_malformed")


@pytest.mark.parametrize("label", bad_json.LABELS)
def test_strict_payload(ask, label):
    """A payload that two parsers could read differently is refused although its signature is good."""
    codes = ["claims_malformed"] + (["token_malformed"] if label == "empty" else [])
    refused(ask(payload=bad_json.spoilt(json.dumps(claims(ISSUER)))[label]), *codes)


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "sub", "cnf"])
def test_claim_twice(ask, claim):
    """RFC 7519 section 4 lets a parser choose; this one refuses, before either copy counts."""
    twin = json.dumps(claims(ISSUER, cnf={"x5t#S256": "x"})[claim])
    refused(ask(payload=spelled(**{claim: f'{twin}, "{claim}": {twin}'})), "claims_malformed")
    refused(ask(payload=spelled(**{claim: f'{twin}, "\\u{ord(claim[0]):04x}{claim[1:]}": {twin}'})), "claims_malformed")


@pytest.mark.parametrize("text", [
    '"x":' + bad_json.nested(bad_json.JSON_DEPTH - 2), '"EXP":"x"', '"x":{"exp":"x"}', '"x":"\\u00e9\\ud83d\\ude00"',
    '"x":-1.5e-7', ",".join(f'"m{number}":{number}' for number in range(1000)), '"":""',
    '"x":{"iss":"https://other.example.test"}'],
                         ids=["deep", "other case", "exp inside", "escapes", "number", "many members", "empty name",
                              "iss inside"])
def test_payload_that_is_well_formed(ask, text):
    """The twins of the strict rows."""
    admitted(ask(payload=(json.dumps(claims(ISSUER))[:-1] + "," + text + "}").encode()))


USERS = [("bob", "bob"), ("b o b", "b o b"), (4711, "4711"), (0, "0"), (2**53, str(2**53)), ("x" * 255, "x" * 255),
         ("'\"\\", "'\"\\"), ("@", "@"), ("root", "root")]


@pytest.mark.parametrize("sub, user", USERS, ids=lambda value: repr(value)[:20])
def test_user(ask, sub, user):
    """A user name is a string of 1 to 255 bytes, or a non-negative integer in decimal."""
    admitted(ask(sub=sub), user=user)


def test_user_in_utf8(ask):
    """Bytes beyond ASCII pass unchanged."""
    answer = ask(sub="J\u00fcrgen \u2603")
    assert answer.status == 200
    assert answer.user.encode("latin-1").decode() == "J\u00fcrgen \u2603"
    admitted(ask(sub="\u00fc" * 127), user=("\u00fc" * 127).encode().decode("latin-1"))


@pytest.mark.parametrize("sub", ["", "x" * 256, "x" * 60000, "\u00fc" * 128, "a\nb", "a\r\nX-Evil: 1", "\t", "a\tb",
                                 "\x7f", "a\x1b[31m", "\x01", "a\u0085b", "a\u009fb", -1, 1.5, 1.0, True, False, [],
                                 ["alice"], {}, {"sub": "alice"}],
                         ids=lambda value: repr(value)[:24])
def test_no_user(ask, sub):
    """Empty, too long, with control characters or not a name at all."""
    codes = ["user_claim_malformed"] + (["token_too_large"] if sub == "x" * 60000 else [])
    refused(ask(sub=sub), *codes)


def test_user_missing(ask):
    admitted(ask())
    refused(ask(sub=...), "user_claim_missing")
    refused(ask(sub=None), "user_claim_missing", "user_claim_malformed")


@pytest.mark.parametrize("changes, user", [
    ({"preferred_username": "bob"}, "bob"), ({"person": {"login": {"name": "carol"}}}, "carol"),
    ({"https://example.test/user": "dora"}, "dora"),
    ({"preferred_username": "bob", "person": {"login": {"name": "carol"}}}, "bob"),
    ({"person.login.name": "mallory", "https://example.test/user": "dora"}, "dora"),
    ({"https://example": {"test/user": "mallory"}, "person": {"login": {"name": "carol"}}}, "carol"),
    ({"preferred_username": 7}, "7")])
def test_user_claim_paths(ask, changes, user):
    """MTLSOAuthRemoteUserClaim: the first that is there; a dot steps in, `\\.` is a dot. The suffix follows."""
    admitted(ask(NAMED, **changes), user=user + "@example.test")


@pytest.mark.parametrize("changes, code", [
    ({}, "user_claim_missing"), ({"person": {}}, "user_claim_missing"), ({"person": "carol"}, "user_claim_missing"),
    ({"person": [{"login": {"name": "carol"}}]}, "user_claim_missing"),
    ({"person": {"login": []}}, "user_claim_missing"),
    ({"https://example": {"test/user": "dora"}}, "user_claim_missing"),
    ({"preferred_username": "", "person": {"login": {"name": "carol"}}}, "user_claim_malformed"),
    ({"preferred_username": ["bob"], "person": {"login": {"name": "carol"}}}, "user_claim_malformed"),
    ({"person": {"login": {"name": "a\nb"}}}, "user_claim_malformed")])
def test_user_claim_paths_that_lead_nowhere(ask, changes, code):
    """A malformed first claim is not skipped for the next."""
    refused(ask(NAMED, **changes), code)


@pytest.mark.parametrize("iss, changes, client", [
    (ISSUER, {"client_id": "a"}, "a"), (ISSUER, {"client_id": ..., "azp": "b"}, "b"),
    (ISSUER, {"client_id": ..., "appid": "c"}, "c"), (ISSUER, {"client_id": ..., "cid": "d"}, "d"),
    (ISSUER, {"client_id": "a", "azp": "b", "appid": "c", "cid": "d"}, "a"), (ISSUER, {"client_id": ...}, None),
    (NAMED, {"preferred_username": "x", "app": {"id": "e"}}, "e"), (NAMED, {"preferred_username": "x"}, "reports"),
    (NAMED, {"preferred_username": "x", "client_id": ..., "azp": "b"}, None)])
def test_client_id(ask, iss, changes, client):
    """MTLSOAuthClientIDClaim: client_id azp appid cid, the first that is there."""
    answer = ask(iss, **changes)
    assert (answer.status, answer.header("X-Client-Id")) == (200, client)


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Evil: 1", "\x01", "a\x7fb"], ids=repr)
@pytest.mark.parametrize("claim, header", [("client_id", "X-Client-Id"), ("scope", "X-Scope"), ("jti", "X-Jti")])
def test_control_characters_stay_outside(ask, claim, header, value):
    """A claim that could break a line or a header does not reach the environment; the token is good without it."""
    answer = ask(**{claim: value})
    admitted(answer)
    assert answer.header(header) is None and answer.header("X-Evil") is None
    assert ask(**{claim: "plain"}).header(header) == "plain"


FULL = {"tenant": "t", "person": {"mail": "m"}, "dotted.name": 1}


@pytest.mark.parametrize("without", [{}, {"tenant": ...}, {"person": ...}, {"person": {}}, {"person": {"Mail": "m"}},
                                     {"dotted.name": ...}, {"dotted.name": ..., "dotted": {"name": 1}}], ids=repr)
def test_required_claims(ask, without):
    """MTLSOAuthRequiredClaims: all of them."""
    answer = ask(DEMANDING, **{**FULL, **without})
    if without:
        refused(answer, "claim_missing")
    else:
        admitted(answer)


@pytest.mark.parametrize("value", [..., 1, ["read"], {}, ""], ids=repr)
def test_scope_of_any_form_does_not_break(ask, value):
    """No scope is asked for here; only a string of words reaches the environment as it is."""
    answer = ask(scope=value)
    assert answer.status in (200, 401) and answer.refusal in (None, "claims_malformed"), answer
