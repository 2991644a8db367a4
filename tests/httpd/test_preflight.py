"""CORS preflights: guarded like everything else, or passed on as nobody's question with nothing in it."""

import pytest

from support.blocks import issuer, location
from support.expect import refused
from support.server import Host
from support.tokens import claims, mint

ISSUER = "https://cors.example.test"
CORS = (("Origin", "https://app.example.test"), ("Access-Control-Request-Method", "DELETE"))


@pytest.fixture(scope="module")
def server(launch, jwks, back):
    places = {"/pass": ("valid-user", "MTLSOAuthPreflight pass"), "/scope": ("oauth-scope admin", "MTLSOAuthPreflight pass"),
              "/guard": ("valid-user", "MTLSOAuthPreflight guard"), "/default": ("valid-user", ""),
              "/pass/guard": ("valid-user", "MTLSOAuthPreflight guard"),
              "/network": ("ip 192.0.2.1", "MTLSOAuthPreflight pass"),
              "/user": ("valid-user", "MTLSOAuthClaimHeader X-User sub")}
    text = issuer(ISSUER, jwks) + "".join(location(path, line, require=require)
                                          for path, (require, line) in places.items())
    return launch(hosts=[Host(text + f'ProxyPass "/" "http://127.0.0.1:{back.port}/"\n'
                              + 'CustomLog "{root}/../users.log" "%U user=%u"\n')])


@pytest.fixture
def ask(server, connect, back):
    def send(path, headers=CORS, method="OPTIONS", token=None, body=b""):
        back.take()
        answer = connect(server).request(path, token, method=method, headers=headers, body=body)
        return answer, back.take()
    return send


@pytest.mark.parametrize("path", ["/pass/x", "/scope/x"])
def test_passes(ask, path):
    """Neither a token nor what Require asks is needed, and nobody is who asks."""
    answer, seen = ask(path)
    assert answer.status == 200 and seen[0].method == "OPTIONS" and answer.challenge is None
    assert seen[0].header("Origin") and seen[0].header("Access-Control-Request-Method") == "DELETE"
    assert not answer.user and not answer.header("X-Auth-Type") and not answer.header("X-Issuer")


def test_nobody_is_in_the_log(ask, server):
    """Neither a user nor one without a name."""
    ask("/pass/logged")
    ask("/pass/x")  # on the same connection: by then the line before is written
    assert "/pass/logged user=-\n" in (server.directory / "users.log").read_text()


def test_guarded(ask):
    """By default, where it is said, and further inside than it was passed."""
    for path in ("/guard/x", "/default/x", "/pass/guard/x"):
        answer, seen = ask(path)
        refused(answer, "no_token")
        assert not seen


@pytest.mark.parametrize("method, headers", [
    ("OPTIONS", ()), ("OPTIONS", CORS[:1]), ("OPTIONS", CORS[1:]), ("GET", CORS), ("POST", CORS), ("DELETE", CORS),
    ("HEAD", CORS), ("PROPFIND", CORS), ("options", CORS), ("OPTIONS", (("Origin", ""), CORS[1])),
    ("GET", (*CORS, ("X-HTTP-Method-Override", "OPTIONS")))])
def test_no_preflight(ask, method, headers):
    """Only OPTIONS with both headers is one."""
    answer, seen = ask("/pass/x", headers, method)
    assert answer.status in (401, 405, 501) and not seen


def test_scrubbed(ask, key):
    """Credentials, other methods, identities and the body do not come through, in any spelling."""
    headers = (*CORS, ("Cookie", "session=1"), ("X-HTTP-Method-Override", "DELETE"), ("X_HTTP_Method_Override", "DELETE"),
               ("X-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("X-User", "root"), ("X_User", "root"),
               ("Proxy-Authorization", "Basic YTpi"), ("Content-Type", "text/plain"))
    answer, seen = ask("/pass/x", headers, token=mint(key, claims(ISSUER)), body=b"rm -rf")
    assert answer.status == 200 and seen[0].body == b""
    assert not any(value in ("DELETE", "root", "session=1") or "Bearer" in value or "Basic" in value
                   for name, value in seen[0].headers if name != "Access-Control-Request-Method"), seen[0].headers
    assert not seen[0].header("Content-Type")


def test_body_is_read_and_dropped(ask, server, connect, back):
    """What follows on the connection is the next request, also after a chunked body."""
    chunked = ("OPTIONS /pass/x HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a\r\n"
               "Access-Control-Request-Method: PUT\r\nTransfer-Encoding: chunked\r\n\r\n"
               "21\r\nGET /pass/x HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\n\r\n").encode()
    back.take()
    assert connect(server).raw(chunked, "OPTIONS").status == 200
    assert connect(server).request("/default/x").status == 401
    assert [(seen.method, seen.body) for seen in back.take()] == [("OPTIONS", b"")]


def test_network_rules_hold(ask):
    """What does not ask for a user is decided as ever."""
    answer, seen = ask("/network/x")
    assert answer.status == 403 and not seen


@pytest.mark.parametrize("value", ["on", "", "pass guard"])
def test_configtest(make_httpd, jwks, value):
    text = issuer(ISSUER, jwks) + location("/api", f"MTLSOAuthPreflight {value}")
    code, said = make_httpd(hosts=[Host(text)]).configtest()
    assert code != 0 and "MTLSOAuthPreflight" in said and "pass, guard" in said
