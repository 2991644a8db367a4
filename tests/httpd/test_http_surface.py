"""Where a token may stand in a request, which methods and schemes there are, and what answers give away (RFC 6750)."""

import pytest

from support.blocks import issuer, location
from support.client import Connection
from support.expect import admitted, challenge, refused
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://surface.example.test"
PATH = "/api/secret.txt"

# path -> what its Location says on top of AuthType and Require
LOCATIONS = {
    "cookie": "MTLSOAuthTokenSource header cookie:at",
    "cookie-first": "MTLSOAuthTokenSource cookie:at header",
    "only-cookie": "MTLSOAuthTokenSource cookie:at",
    "named": 'AuthName "the reports"',
    "quoted": 'AuthName "a \\"quoted\\" realm"',
    "clear": "MTLSOAuthRequireTLS off",
}


@pytest.fixture(scope="module")
def server(launch, jwks, work):
    (work / "users").write_text("carol:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    text = issuer(ISSUER, jwks) + location("/api")
    for path, line in LOCATIONS.items():
        text += f'Alias "/{path}" "{{root}}/api"\n' + location(f"/{path}", line)
    for path, require in (("alice", "user alice"), ("bob", "user bob"), ("nobody", "all denied")):
        text += f'Alias "/for-{path}" "{{root}}/api"\n' + location(f"/for-{path}", require=require)
    either = "<RequireAny>\nRequire user bob\nRequire env INSIDE\n</RequireAny>"
    text += 'Alias "/either" "{root}/api"\nSetEnvIf X-Inside yes INSIDE\n' + location("/either", either, require="")
    text += (f'Alias "/basic" "{{root}}/api"\n<Location "/basic">\nAuthType Basic\nAuthName basic\n'
             f'AuthUserFile "{work}/users"\nRequire valid-user\n</Location>\n')
    return launch("TraceEnable on\n", [Host(text), Host(text, tls=False)])


@pytest.fixture
def token(key):
    return mint(key, claims(ISSUER))


@pytest.fixture
def ask(server, connect):
    def send(path=PATH, **request):
        return connect(server).request(path, **request)
    return send


@pytest.fixture
def clear(server):
    return Connection(server.plain_port, "localhost").request


def authorization(*values):
    return tuple(("Authorization", value) for value in values)


def test_public_page_needs_nothing(ask, token):
    for request in ({}, {"token": token}, {"token": "x"}):
        answer = ask("/public.txt", **request)
        assert (answer.status, answer.user, answer.refusal, answer.challenge) == (200, None, None, None)


@pytest.mark.parametrize("value", [None, "Basic YWxpY2U6eA==", "basic", "Negotiate abc", "Digest username=x",
                                   "Bearertoken", "DPoP {token}", "Token {token}", "xBearer {token}", "{token}",
                                   "MAC id=1"])
def test_no_token(ask, token, value):
    """RFC 6750 section 3: without a bearer token a challenge without an error."""
    answer = ask(headers=authorization(value.replace("{token}", token)) if value else ())
    refused(answer, "no_token")
    assert answer.challenge == 'Bearer realm="localhost"'


@pytest.mark.parametrize("opening", ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer  ", "Bearer     "])
@pytest.mark.parametrize("end", ["", " ", "  \t"], ids=repr)
def test_scheme_in_any_case(ask, token, opening, end):
    """RFC 9110 section 11.1: a scheme has no case; RFC 6750 section 2.1: one or more spaces."""
    admitted(ask(headers=authorization(opening + token + end)))


@pytest.mark.parametrize("value", ["Bearer", "bearer", "Bearer ", "Bearer   ", "Bearer\t{token}", "Bearer \t{token}",
                                   "Bearer\t"])
def test_malformed_request(ask, token, value):
    """The scheme without a token, or with a tab behind it."""
    refused(ask(headers=authorization(value.replace("{token}", token))), "request_malformed")


@pytest.mark.parametrize("values", [
    ("Bearer {token}", "Bearer {token}"), ("Bearer {token}", "Bearer x"), ("Bearer x", "Bearer {token}"),
    ("Bearer {token},",), ("Bearer {token}, Bearer {token}",), ("Bearer {token}", "Basic YWxpY2U6eA=="),
    ("Bearer {token},x=y",), ("Bearer ,{token}",)])
def test_repeated_token(ask, token, values):
    """RFC 6750 section 3.1: more than one way of including a token."""
    admitted(ask(headers=authorization(f"Bearer {token}")))
    refused(ask(headers=authorization(*(value.replace("{token}", token) for value in values))), "token_repeated")


def test_basic_in_front_of_bearer(ask, token):
    """Two Authorization fields arrive as one; the token in the second half opens nothing."""
    refused(ask(headers=authorization("Basic YWxpY2U6eA==", f"Bearer {token}")), "no_token", "token_repeated")


@pytest.mark.parametrize("value", ["Bearer {token} {token}", "Bearer {token} x", "Bearer token={token}",
                                   'Bearer "{token}"', "Bearer {token};", "Bearer <{token}>", "Bearer %s",
                                   "Bearer \xff"])
def test_not_a_token(ask, token, value):
    """What follows the scheme is no JWT."""
    refused(ask(headers=authorization(value.replace("{token}", token))), "token_malformed")


@pytest.mark.parametrize("query", ["?access_token={token}", "?x=1&access_token={token}", "?access_token=x",
                                   "?access_token="])
def test_token_in_the_query(ask, token, query):
    """RFC 6750 section 2.3 is refused by choice; beside a header it is a second method."""
    path = PATH + query.replace("{token}", token)
    refused(ask(path), "no_token")
    refused(ask(path, token=token), "token_repeated")


@pytest.mark.parametrize("query", ["?x_access_token=1", "?access_token_x=1", "?x=access_token", "?x=access_token=1",
                                   "?", "?q", "?x=%26access_token=1"])
def test_other_query(ask, token, query):
    """The twins: parameters of other names are nobody's business here."""
    admitted(ask(PATH + query, token=token))


def test_token_in_the_body(ask, token):
    """RFC 6750 section 2.2 is refused by choice."""
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    refused(ask(method="POST", headers=form, body=f"access_token={token}".encode()), "no_token")


def cookie(text):
    return (("Cookie", text),)


@pytest.mark.parametrize("text", ["at={token}", "a=1; at={token}", "at={token}; b=2", "a=at=x; at={token}; c",
                                  "xat=y; at={token}; at2=z"])
def test_token_in_a_cookie(ask, token, text):
    """MTLSOAuthTokenSource cookie:NAME; nowhere else a cookie counts."""
    headers = cookie(text.replace("{token}", token))
    for path in ("/cookie/secret.txt", "/only-cookie/secret.txt"):
        admitted(ask(path, headers=headers))
    refused(ask(headers=headers), "no_token")


@pytest.mark.parametrize("text", ["AT={token}", "at2={token}", "xat={token}", "x=at={token}", "a; b=at", "x=1"])
def test_cookie_of_another_name(ask, token, text):
    refused(ask("/cookie/secret.txt", headers=cookie(text.replace("{token}", token))), "no_token")


@pytest.mark.parametrize("text", ["at={token}; at={token}", "at=x; at={token}", "at={token}; b=1; at=x"])
def test_cookie_twice(ask, token, text):
    refused(ask("/cookie/secret.txt", headers=cookie(text.replace("{token}", token))), "token_repeated")


def test_cookie_in_two_fields(ask, token):
    """httpd joins two Cookie fields with a comma; a pair is found behind it, and found twice if it is there twice."""
    admitted(ask("/cookie/secret.txt", headers=cookie("a=1") + cookie(f"at={token}")))
    refused(ask("/cookie/secret.txt", headers=cookie(f"at={token}") + cookie(f"at={token}")), "token_repeated")


def test_answer_to_a_cookie_is_private(ask, token):
    """A shared cache keeps answers to Authorization apart, and knows nothing of this cookie."""
    assert "private" in ask("/cookie/secret.txt", headers=cookie(f"at={token}")).header("Cache-Control")
    assert ask("/cookie/secret.txt", token=token).header("Cache-Control") is None


def test_cookie_only_without_authorization(ask, token):
    """A request with Authorization is judged by it: a good cookie does not mend a bad header."""
    for value, code in (("Bearer a.b.c", "token_malformed"), ("Basic YWxpY2U6eA==", "no_token"),
                        ("Bearer", "request_malformed")):
        refused(ask("/cookie/secret.txt", headers=authorization(value) + cookie(f"at={token}")), code)
    refused(ask("/only-cookie/secret.txt", headers=authorization("Basic YWxpY2U6eA==") + cookie(f"at={token}")),
            "no_token")
    for path in ("/cookie/secret.txt", "/cookie-first/secret.txt"):
        admitted(ask(path, token=token, headers=cookie("at=a.b.c")))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW",
                                    "get"])
def test_every_method_needs_a_token(ask, token, method):
    """No method is exempt; with a token httpd's own answer for the method follows."""
    answer = ask(method=method)
    assert answer.status == 401 and answer.challenge == 'Bearer realm="localhost"', answer
    assert b"secret" not in answer.body
    assert ask(method=method, token="a.b.c").status == 401
    assert ask(method=method, token=token).status in (200, 404, 405, 501)


def test_trace(ask, token):
    """httpd answers TRACE before any authentication, with the request alone: no resource, nobody's name."""
    for request in ({}, {"token": token}):
        answer = ask(method="TRACE", **request)
        assert b"the secret" not in answer.body and not answer.user and not answer.binding


def test_methods_without_a_path(ask, server):
    """`OPTIONS *` and CONNECT meet no Location and break nothing."""
    assert ask("*", method="OPTIONS").status == 200
    answer = Connection(server.plain_port, "localhost").request("localhost:443", method="CONNECT")
    assert answer.status in (400, 403, 404, 405)


@pytest.mark.parametrize("path, realm",
                         [(PATH, "localhost"), ("/named/secret.txt", "the reports"),
                          ("/quoted/secret.txt", 'a \\"quoted\\" realm')])
def test_realm(ask, path, realm):
    """RFC 9110 section 5.6.4: AuthName, else ServerName, as a quoted string."""
    assert ask(path).challenge == f'Bearer realm="{realm}"'
    wrong = ask(path, token="a.b.c").challenge
    assert wrong.startswith(f'Bearer realm="{realm}", error="invalid_token", error_description="')
    assert challenge(realm, "invalid_token")


def test_realm_is_not_the_host_field(server):
    """Nothing of the request is echoed: whatever the Host field says, ServerName is the realm."""
    connection = Connection(server.plain_port, "evil.example.test")
    assert connection.request(PATH).challenge == 'Bearer realm="localhost"'
    assert connection.request("http://worse.example.test/api/secret.txt").challenge == 'Bearer realm="localhost"'


def test_require_tls(clear, key, token):
    """A token over clear text is lost already: 403; asking for one over clear text is not."""
    refused(clear(PATH, token), "tls_required")
    refused(clear(PATH, mint(key, claims("https://unknown.example.test"))), "tls_required")
    refused(clear(PATH), "no_token")


def test_tls_not_required(clear, key, pki, token):
    """MTLSOAuthRequireTLS off: an unbound token passes, a bound one has no certificate to match."""
    admitted(clear("/clear/secret.txt", token))
    refused(clear("/clear/secret.txt", mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))), "certificate_missing")


def test_require_user(ask, key, token):
    """A Require that refuses after a good token: 403 and no challenge that asks for another one."""
    admitted(ask("/for-alice/secret.txt", token=token))
    refused(ask("/for-bob/secret.txt", token=token), "claim_denied")
    admitted(ask("/for-bob/secret.txt", token=mint(key, claims(ISSUER, sub="bob"))), user="bob")
    refused(ask("/for-bob/secret.txt"), "no_token")
    refused(ask("/for-bob/secret.txt", token="a.b.c"), "token_malformed")


def test_require_any(ask, token):
    """A Require that needs no user admits without a token; a failing one asks for it."""
    assert ask("/either/secret.txt", headers=(("X-Inside", "yes"),)).status == 200
    refused(ask("/either/secret.txt"), "no_token")
    refused(ask("/either/secret.txt", token=token), "claim_denied")


def test_denied_to_everybody(ask, token):
    """`Require all denied` asks for no user: httpd answers before any authentication."""
    for request in ({}, {"token": token}):
        answer = ask("/for-nobody/secret.txt", **request)
        assert (answer.status, answer.challenge) == (403, None)


def test_other_auth_type_is_not_ours(ask, token):
    """Only AuthType mTLS-OAuth is answered for."""
    answer = ask("/basic/secret.txt", token=token)
    assert (answer.status, answer.challenge, answer.refusal) == (401, 'Basic realm="basic"', None)
    answer = ask("/basic/secret.txt", headers=authorization("Basic Y2Fyb2w6dGVzdA=="))
    assert answer.status == 401 and answer.refusal is None


@pytest.mark.parametrize("header", ["SSL-Client-Cert", "X-SSL-Client-Cert", "Client-Cert", "X-Client-Cert",
                                    "X-Forwarded-Client-Cert", "SSL_CLIENT_CERT"])
def test_certificate_in_a_header(server, connect, pki, key, header):
    """RFC 9440 section 4: without a trusted proxy a header is no certificate."""
    bound = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    one_line = pki.owner.pem.replace("\n", " ").strip()
    body = "".join(pki.owner.pem.splitlines()[1:-1])
    for value in (one_line, f":{body}:", body, pki.owner.thumbprint):
        headers = ((header, value),)
        refused(connect(server).request(PATH, bound, headers=headers), "certificate_missing")
        refused(connect(server, pki.thief).request(PATH, bound, headers=headers), "certificate_mismatch")
        admitted(connect(server, pki.owner).request(PATH, bound, headers=headers), binding="bound")


@pytest.mark.parametrize("path", ["/api/", "/api//secret.txt", "//api/secret.txt", "/./api/secret.txt",
                                  "/x/../api/secret.txt", "/%61pi/secret.txt", "/api/secret%2etxt", "/api/nothing",
                                  "/api/secret.txt/", "/api/secret.txt/more", "/api/..%2fapi/secret.txt",
                                  "http://localhost/api/secret.txt"])
def test_spellings_of_a_path(ask, path):
    """Spellings of a protected path give nothing away without a token."""
    answer = ask(path)
    assert answer.status in (400, 401, 404) and b"the secret" not in answer.body, answer
    if answer.status == 401:
        refused(answer, "no_token")
