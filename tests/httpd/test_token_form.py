"""The form of a token before any key: segments, size, JOSE header, type (RFC 7515, 7519, 8725 section 3.11, 9068)."""

import json

import pytest

from support import bad_json
from support.blocks import issuer, location
from support.encoding import encode
from support.expect import admitted, refused
from support.server import Host
from support.tokens import claims, mint, signed

JWT = "https://jwt.example.test"
RFC9068 = "https://rfc9068.example.test"
TOKEN_LIMIT = 16 * 1024


@pytest.fixture(scope="module")
def server(launch, jwks):
    return launch(hosts=[Host(issuer(JWT, jwks, "MTLSOAuthProfile jwt")
                              + issuer(RFC9068, jwks, "MTLSOAuthProfile rfc9068") + location("/api"))])


@pytest.fixture
def ask(server, connect):
    return lambda token: connect(server).request("/api/secret.txt", token)


def of_size(key, size):
    """A good token of exactly this many bytes. Not every number of bytes is the length of a text in base64url, but some
    header helps."""
    for more in range(3):
        padding, token = 0, ""
        while len(token) < size:
            token = mint(key, claims(JWT, pad="x" * padding, jti=...), {"more": "x" * more})
            padding += max(1, (size - len(token)) * 3 // 4 - 4)
        if len(token) == size:
            return token
    raise ValueError(size)


def test_token_size(ask, key):
    """16 KiB are a token, more are not (token_too_large), and nobody's time is spent on them."""
    admitted(ask(of_size(key, 8000)))
    admitted(ask(of_size(key, TOKEN_LIMIT)))
    for size in (TOKEN_LIMIT + 1, TOKEN_LIMIT + 2, 60000):
        refused(ask(of_size(key, size)), "token_too_large")


def test_dots(ask):
    """CVE-2025-27144: many segments cost nothing."""
    refused(ask("." * 100000), "token_too_large")
    refused(ask("." * 16000), "token_malformed")


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6])
def test_number_of_segments(ask, key, count):
    """RFC 7515 section 7.1: three segments; five are an encrypted token, which is never decrypted."""
    segments = mint(key, claims(JWT)).split(".")
    refused(ask(".".join((segments + segments)[:count])), "token_malformed")


@pytest.mark.parametrize("token", [".", "..", "...", "a", "a.b.c", "..x", "x..", ".x.", "a b.c.d", "eyJ", "null", "%20",
                                   "\u00e9"],
                         ids=repr)
def test_not_a_jwt(ask, token):
    """An opaque token has no issuer here."""
    refused(ask(token), "token_malformed")


def test_dot_in_front_or_behind(ask, key):
    token = mint(key, claims(JWT))
    admitted(ask(token))
    for wrong in (f".{token}", f"{token}.", token.replace(".", "..", 1)):
        refused(ask(wrong), "token_malformed")


def test_encrypted_token(ask, key):
    """CVE-2023-37464's class: a JWE is refused, whatever it says."""
    head = {"alg": "dir", "enc": "A256GCM", "kid": "k1"}
    five = ".".join([encode(json.dumps(head).encode()), "", encode(bytes(12)), encode(bytes(40)), encode(bytes(16))])
    refused(ask(five), "token_malformed")
    refused(ask(mint(key, claims(JWT), {"enc": "A256GCM"})), "token_malformed")


def test_json_serialization(ask, key):
    """RFC 7515 section 7.2 is no bearer token; its commas make it several credentials."""
    head, body, signature = mint(key, claims(JWT)).split(".")
    text = json.dumps({"protected": head, "payload": body, "signature": signature}, separators=(",", ":"))
    refused(ask(text), "token_repeated")


@pytest.mark.parametrize("header", [{"cty": "JWT"}, {"cty": "jwt"}], ids=repr)
def test_nested_token(ask, key, header):
    """RFC 7519 section 5.2: a token inside a token is not looked for; its payload is no claims object."""
    inner = mint(key, claims(JWT)).encode()
    refused(ask(mint(key, inner, header)), "claims_malformed", "token_malformed", "issuer_unknown")


GOOD_HEADER = '{"alg":"ES256","kid":"k1"}'


@pytest.mark.parametrize("label", bad_json.LABELS)
def test_strict_header(ask, key, label):
    """A header that two parsers could read differently is refused although its signature is good."""
    refused(ask(mint(key, claims(JWT), bad_json.spoilt(GOOD_HEADER)[label])), "token_malformed")


@pytest.mark.parametrize("header", [
    GOOD_HEADER, " \r\n\t" + GOOD_HEADER + "\n", '{"\\u0061lg":"ES256","kid":"k1"}', '{"alg":"ES256","kid":"\\u006b1"}',
    '{"alg":"ES256","kid":"k1","x":{"alg":"none"}}', '{"alg":"ES256","kid":"k1","ALG":"none"}',
    f'{{"alg":"ES256","kid":"k1","x":{bad_json.nested(bad_json.JSON_DEPTH - 2)}}}',
    f'{{"alg":"ES256","kid":"k1",{",".join(f"{chr(34)}m{n}{chr(34)}:{n}" for n in range(400))}}}'],
    ids=["plain", "white space", "escaped name", "escaped value", "alg deep inside", "other case", "deep",
         "many members"])
def test_header_that_is_well_formed(ask, key, header):
    """The twins of the strict rows: JSON spelled otherwise is the same header."""
    admitted(ask(mint(key, claims(JWT), header.encode())))


ACCESS_TOKEN_TYPES = ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT", "application/At+jwt"]
PLAIN_TYPES = [..., "JWT", "jwt", "Jwt", "application/jwt", "application/JWT"]
OTHER_TYPES = ["", "id+jwt", "logout+jwt", "dpop+jwt", "token-introspection+jwt", "application/token-introspection+jwt",
               "secevent+jwt", "JOSE", "JOSE+JSON", "at+jwt ", " at+jwt", "at+jw", "at+jwtx", "text/at+jwt", "at jwt",
               "application/", "application/application/at+jwt", "oauth-authz-req+jwt", "client-authentication+jwt",
               "JWE"]


@pytest.mark.parametrize("typ", ACCESS_TOKEN_TYPES, ids=repr)
def test_access_token_type(ask, key, typ):
    """RFC 9068 section 4, RFC 7515 section 4.1.9: any case, with or without application/."""
    for iss in (JWT, RFC9068):
        admitted(ask(mint(key, claims(iss), {"typ": typ})))


@pytest.mark.parametrize("typ", PLAIN_TYPES, ids=repr)
def test_plain_jwt_type(ask, key, typ):
    """The jwt profile takes tokens of issuers older than RFC 9068; the rfc9068 profile does not."""
    admitted(ask(mint(key, claims(JWT), {"typ": typ})))
    refused(ask(mint(key, claims(RFC9068), {"typ": typ})), "type_not_allowed")


@pytest.mark.parametrize("typ", OTHER_TYPES, ids=repr)
@pytest.mark.parametrize("iss", [JWT, RFC9068])
def test_other_type(ask, key, iss, typ):
    """RFC 8725 section 3.11, RFC 9701 section 8.1: a JWT made for something else is no access token."""
    refused(ask(mint(key, claims(iss), {"typ": typ})), "type_not_allowed")


@pytest.mark.parametrize("typ", [None, 1, True, ["at+jwt"], {}], ids=repr)
@pytest.mark.parametrize("iss", [JWT, RFC9068])
def test_type_that_is_no_string(ask, key, iss, typ):
    refused(ask(mint(key, claims(iss), {"typ": typ})), "type_not_allowed", "token_malformed")


@pytest.mark.parametrize("claim, value", [
    ("events", {"http://schemas.openid.net/event/backchannel-logout": {}}), ("events", {}), ("at_hash", "x"),
    ("c_hash", "x"), ("s_hash", "x"), ("typ", "ID"), ("typ", "Refresh"), ("typ", "Offline"), ("typ", "Logout")])
@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": ...}, {"typ": "at+jwt"}],
                         ids=["JWT", "no type", "access token"])
def test_id_refresh_and_logout_tokens(ask, key, claim, value, header):
    """The jwt profile refuses what its claims show to be an ID, refresh or logout token."""
    refused(ask(mint(key, claims(JWT, **{claim: value}), header)), "type_not_allowed")


@pytest.mark.parametrize("claim, value", [("typ", "Bearer"), ("nonce", "n-1"), ("event", {}), ("at_hash_alg", "x"),
                                          ("sid", "1")])
def test_claims_an_access_token_may_have(ask, key, claim, value):
    """The twins of the ID token rows."""
    admitted(ask(mint(key, claims(JWT, **{claim: value}), {"typ": "JWT"})))


@pytest.mark.parametrize("claim", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_claims_of_rfc9068(ask, key, claim):
    """RFC 9068 section 2.2: these claims are there, or the token is refused."""
    admitted(ask(mint(key, claims(RFC9068))))
    # a token without iss or aud finds no block at all
    code = {"iss": "issuer_unknown", "aud": "audience_mismatch"}.get(claim, "claim_missing")
    codes = {code, "user_claim_missing"} if claim == "sub" else {code}
    refused(ask(mint(key, claims(RFC9068, **{claim: ...}))), *codes)


@pytest.mark.parametrize("claim", ["client_id", "iat", "jti", "scope"])
def test_claims_the_jwt_profile_can_miss(ask, key, claim):
    admitted(ask(mint(key, claims(JWT, **{claim: ...}))))


def test_payload_is_not_read_as_header(ask, key):
    """Segments keep their places: header and payload swapped are no token."""
    head, body, _ = mint(key, claims(JWT)).split(".")
    refused(ask(signed(key, body, head)), "algorithm_not_allowed", "issuer_unknown", "token_malformed")
