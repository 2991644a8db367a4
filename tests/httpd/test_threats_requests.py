"""Attacks by a request, each against a whole stand: paths, handlers, cookies, forms, headers and sizes. A refusal is all there is of an
answer; nothing behind the server hears of it. (docs/security.md maps attacks to tests.)"""

import pytest

from support.back_end import BackEnd
from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.client_pki import SUBJECT
from support.clients import FORM_TYPE, by_name, endpoint, form
from support.fake_issuer import FakeIssuer, key_set
from support.key_life import STEADY, Asker, eventually, outgoing, over, remote
from support.keys import Key, write_jwks
from support.server import Host
from support.threats import ISSUER, Stand
from support.tokens import claims, mint

DEFAULT_FIELD_SIZE = 8190

TEXT = """
<LocationMatch "^/health$">
    AuthType None
    Require all granted
</LocationMatch>
"""


@pytest.fixture(scope="module")
def stand(launch, pki, key, client_pki, work):
    bare = write_jwks(work / "threats-bare.json", Key("ES256", kid="else").jwk())
    text = (TEXT + f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name("reports", "dn", SUBJECT) + by_name("billing", "dn", "CN=b")
            + issuer("https://bare.example.test", bare)
            + location("/cookie", "MTLSOAuthTokenSource header cookie:at", "MTLSOAuthForwardToken off")
            + location("/user", "MTLSOAuthClaimHeader X-User sub") + location("/scope", require="oauth-scope admin")
            + location("/preflight", "MTLSOAuthPreflight pass")
            + endpoint("/token") + endpoint("/others", "MTLSOAuthOtherClients pass"))
    made = Stand(launch, pki, [key.jwk()], text=text, main=f"LimitRequestFieldSize {DEFAULT_FIELD_SIZE}\n")
    yield made.ready(mint(key, claims(ISSUER)))
    made.close()


@pytest.fixture(scope="module")
def token(key):
    return mint(key, claims(ISSUER))


# ---- Paths ----

SPELLINGS = ["/api", "/api/", "/api/x", "//api/x", "/./api/x", "/x/../api/x", "/api//x", "/api/./x", "/%61pi/x", "/a%70i/x", "/api/x%2e", "/api;v=1/x",
             "/api;/x", "/;/api/x", "/api/;x", "/api%3bv=1/x", "/api%5cx", "/api\\x", "/\\api/x", "/%252e/api", "/%252e%252e/api", "/API/x", "/Api/x",
             "/api%20/x", "/api%20", "/%20api/x", "/api.json", "/api%09/x", "/api/..;/api/x", "/x/..;/api/x", "/api/x?y=/health", "/api/x?access=1",
             "/api/x%00", "/api%2fx", "/api/%2e%2e/api/x", "/api%c0%afx", "/%ef%bc%8fapi", "http://localhost/api/x", "https://localhost:443/api/x",
             "/health/../api/x", "/health/%2e%2e/api/x", "/health/./../api/x", "/health//../../api/x", "/health;/../api/x", "/health%2f../api/x",
             "/Health", "/health%20", "/healthx", "/health;x", "/%68ealth/../api/x",
             "/health/", "/health/x", "/health/..;/api/x", "/health/..%5capi/x", "/health%0a"]


@pytest.mark.parametrize("path", SPELLINGS)
def test_spellings_of_a_path(stand, token, path):
    """`/` is protected and `/health` exempted, as docs/directives.md shows it: no spelling of another path gets behind the server without a token. The twin with the token
    does, unless httpd refuses the path itself."""
    answer, seen = stand.ask(path=path)
    assert not seen and answer.status in (400, 401, 404), (answer, seen)
    if answer.status == 401:
        assert (answer.refusal, answer.challenge) == ("no_token", 'Bearer realm="localhost"'), answer
        stand.untouched(token, path=path)
    else:
        assert answer.status == stand.ask(token, path=path)[0].status
    stand.attacked("token_malformed", token="a.b.c", path="/api/x")


def test_exempted_place(stand):
    """The twins: what is exempted needs no token."""
    for path in ("/health", "//health", "/x/../health", "/%68ealth"):
        answer, seen = stand.ask(path=path)
        assert (answer.status, answer.user, len(seen)) == (200, None, 1), (path, answer)


# ---- What a refusal is followed by ----

def everything(stand, octets):
    """All that the server says on a connection until it closes it."""
    connection = Connection(stand.server.port, "localhost", tls_context(stand.authority))
    connection.request("/health")
    stand.back.take()
    connection.tls.sendall(octets)
    said = b""
    while more := connection.tls.recv(65536):
        said += more
    connection.close()
    return said


@pytest.mark.parametrize("head, status", [
    ("GET /api/x", 401), ("HEAD /api/x", 401), ("OPTIONS /api/x", 401), ("POST /api/x", 401), ("BREW /api/x", 401), ("GET /token", 400),
    ("POST /token", 400), ("GET /others", 400), ("GET /api/x HTTP/1.1\r\nAuthorization: Bearer a.b.c", 401),
    ("GET /api/x?access_token=a HTTP/1.1\r\nAuthorization: Bearer a.b.c", 400)], ids=lambda value: repr(value)[:40])
def test_nothing_follows_a_refusal(stand, head, status):
    """CVE-2025-31492 of mod_auth_openidc, the protected content behind the answer that refuses it: here one answer, of the length that
    it says, and nothing else on the wire."""
    line = head if "HTTP/1.1" in head else f"{head} HTTP/1.1"
    said = everything(stand, f"{line}\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) and said.count(b"HTTP/1.1 ") == 1, said
    length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    assert length in ([len(body)], []) or line.startswith("HEAD") and not body, said
    assert not stand.back.take()


# ---- Handlers and internal redirects ----

ACTION = """
AcceptPathInfo on
AddHandler wrapped .wrapped
Action wrapped /api/secret.txt virtual
<Location "/open">
    Action mine /public.txt virtual
</Location>
<Location "/api/inside">
    SetHandler mine
    Action mine /public.txt virtual
</Location>
RewriteEngine on
RewriteRule "^/question(.*)$" "/api/secret.txt$1" [PT]
"""


@pytest.fixture(scope="module")
def handled(launch, jwks):
    files = {"public.txt": "for everyone\n", "api/secret.txt": "the secret\n", "open/x.wrapped": "", "api/inside/x": "the secret\n"}
    return launch(hosts=[Host(issuer(ISSUER, jwks) + location("/api") + ACTION)], files=files, more=("actions",))


@pytest.mark.parametrize("path", ["/open/x.wrapped", "/api/inside/x", "/question", "/question%3f", "/question%3fx"])
def test_action_and_rewrite(handled, connect, token, path):
    """A handler that sends a request on to a protected place, one inside of a protected place, and a rewrite with an encoded question mark
    (the ways of CVE-2024-38474 to -38477 of httpd): the place where a request ends asks for the token, and so does that where it begins."""
    answer = connect(handled).request(path)
    # newer versions of httpd refuse the question mark themselves
    assert answer.status == 401 and answer.challenge == 'Bearer realm="localhost"' or "%3f" in path and answer.status == 403, answer
    assert b"the secret" not in answer.body and b"for everyone" not in answer.body


def test_twins_of_action_and_rewrite(handled, connect, token):
    for path, body in (("/open/x.wrapped", b"the secret\n"), ("/api/inside/x", b"for everyone\n"), ("/question", b"the secret\n")):
        assert connect(handled).request(path, token).body == body, path


LEAVING = """
<Directory "{root}">
    RewriteEngine on
    RewriteRule "open$" "/open/x"
    RewriteRule "on$" "/on/x"
    RewriteRule "gone$" - [R=404]
</Directory>
<LocationMatch "^/(leave|stay)">
    ErrorDocument 401 /open/x
    ErrorDocument 403 /open/x
    ErrorDocument 404 /open/x
</LocationMatch>
"""

# path -> whether the back end that the request ends at gets the token
LEFT = {"/leave/to-open": False, "/leave/gone": False, "/leave/denied": False, "/leave/bound": False, "/leave/to-on": True,
        "/stay/to-open": True, "/stay/gone": True, "/stay/denied": True, "/on/x": True, "/open/x": True}


@pytest.mark.parametrize("by", ["header", "cookie"])
def test_token_does_not_leave_by_a_redirect(launch, connect, jwks, token, by):
    """A token that its place keeps from the back end is kept when httpd sends the request on, admitted or refused, to a place that asks
    nobody, in the header or the cookie (CVE-2026-47360 of httpd's mod_session_cookie); the twins are a place that forwards it, and one
    behind that asks for it."""
    back, source = BackEnd(), "MTLSOAuthTokenSource header cookie:at"
    text = issuer(ISSUER, jwks) + location("/on", source) + LEAVING
    for place, line in (("/leave", "MTLSOAuthForwardToken off"), ("/stay", "MTLSOAuthForwardToken on")):
        text += (location(place, source, line) + location(f"{place}/denied", require="user bob")
                 + location(f"{place}/bound", "MTLSOAuthUseMutualTLS required"))
    text += "".join(f'ProxyPass "{path}" "http://127.0.0.1:{back.port}{path}"\n' for path in ("/open", "/on"))
    server = launch(hosts=[Host(text)], files={path[1:]: "" for path in LEFT})
    headers = (("Cookie", f"a=1; at={token}; b=2"),) if by == "cookie" else (("Authorization", f"Bearer {token}"),)
    try:
        for path, told in LEFT.items():
            connect(server).request(path, headers=headers)
            seen, = back.take()
            assert any(token in value for _, value in seen.headers) is told, (path, seen)
            assert by == "header" or "a=1; " in seen.header("Cookie")
    finally:
        back.stop()


# ---- Cookies ----

@pytest.mark.parametrize("text", ["", " ", "=", ";", ";;", "; ;", "at", "at=", "=at", ";at", "at;", "at=;", "==", "at==", "at=a=b", "a;at", " at=", "at =x",
                                  "at=%", "at=\x80", "at=" + "x" * 4000, "; " * 2000, "at_chunks=99999999", "at=99999999"], ids=lambda text: repr(text)[:16])
def test_odd_cookies(stand, token, text):
    """CVE-2023-28625 of mod_auth_openidc, a crash when a cookie is taken out of a header that is odd, and CVE-2024-24814, a number in a cookie
    that makes for endless work."""
    stand.attacked("no_token", "token_malformed", "request_malformed", path="/cookie/x", headers=(("Cookie", text),))
    _, seen = stand.untouched(path="/cookie/x", headers=(("Cookie", f"at={token}"),))
    assert seen.header("Cookie") is None
    answer, seen = stand.ask(token, path="/cookie/x", headers=(("Cookie", text),))
    assert answer.status in (200, 400) and len(seen) == (answer.status == 200), answer
    stand.unharmed()


@pytest.mark.parametrize("around", ["{0}", "; {0}", "{0};", ";;{0};;", "a; {0}", "{0}; a", "=; {0}; =", "a=; {0}; ;"])
def test_odd_cookies_beside_the_token(stand, token, around):
    """The token is found beside them, and taken out."""
    _, seen = stand.untouched(path="/cookie/x", headers=(("Cookie", around.replace("{0}", f"at={token}")),))
    assert token not in (seen.header("Cookie") or "")
    stand.attacked("token_malformed", path="/cookie/x", headers=(("Cookie", around.replace("{0}", "at=a.b.c")),))


# ---- Clients and their forms ----

FORM = ("Content-Type", FORM_TYPE)
GOOD = form("reports")


def spoilt_forms():
    """label -> (headers, body, status)."""
    return {
        "no type": ((), GOOD, 400), "empty type": ((("Content-Type", ""),), GOOD, 400), "half a type": ((("Content-Type", ";"),), GOOD, 400),
        "multipart": ((("Content-Type", "multipart/form-data; boundary=x"),), b"--x\r\n\r\nreports\r\n--x--", 400), "no body, no type": ((), b"", 400),
        "no body": ((FORM,), b"", 400), "nobody": ((FORM,), b"client_id=", 400), "twice": ((FORM,), GOOD + b"&client_id=reports", 400),
        "twice, escaped": ((FORM,), GOOD + b"&%63lient_id=reports", 400), "two clients": ((FORM,), GOOD + b"&client_id=billing", 400),
        "NUL": ((FORM,), GOOD + b"%00", 400), "with a secret": ((FORM,), GOOD + b"&client_secret=s", 400),
        "with an assertion": ((FORM,), GOOD + b"&client_assertion=a.b.c", 400), "with Basic": ((FORM, ("Authorization", "Basic cmVwb3J0czpz")), GOOD, 400),
        "another client": ((FORM,), form("billing"), 401), "unknown client": ((FORM,), form("nobody"), 401),
        "other case": ((FORM,), form("Reports"), 401), "blank behind": ((FORM,), b"client_id=reports+", 401), "1 MB": ((FORM,), GOOD + b"&x=" + b"y" * 1_000_000, 413),
    }


@pytest.mark.parametrize("label", spoilt_forms())
@pytest.mark.parametrize("path", ["/token", "/others"])
def test_client(stand, client_pki, path, label):
    """A certificate speaks for its own client alone (CVE-2023-2422 of Keycloak: for any), and a form that can be read in two ways for none; a POST
    without Content-Type is no reason to crash (CVE-2025-3891 of mod_auth_openidc)."""
    headers, body, status = spoilt_forms()[label]
    twin = {"path": path, "method": "POST", "certificate": client_pki.reports}
    answer, seen = stand.ask(headers=(FORM,), body=GOOD, **twin)
    assert (answer.status, answer.user, len(seen)) == (200, "reports", 1) and seen[0].body == GOOD, answer
    if not body:
        headers = (*headers, ("Content-Length", "0"))
    answer, seen = stand.ask(headers=headers, body=body, **twin)
    if path == "/others" and status == 401 and answer.status == 200:
        # let through for the server behind to judge, and nobody here
        assert label not in ("another client",) and answer.user is None and len(seen) == 1, answer
    else:
        assert answer.status == status and not answer.user and not seen, answer
    stand.unharmed()


# ---- Headers ----

@pytest.mark.parametrize("name", ["X-User", "x-user", "X_User", "X.User", "X-USER"])
@pytest.mark.parametrize("path, method, headers", [
    ("/user/x", "GET", ()), ("/api/x", "GET", ()), ("/health", "GET", ()), ("/health", "OPTIONS", ()),
    ("/preflight/x", "OPTIONS", (("Origin", "https://app.example.test"), ("Access-Control-Request-Method", "GET"))),
    ("/others", "GET", (("Authorization", "Basic bm9ib2R5OnM="),))])
def test_identity_from_outside(stand, token, path, method, headers, name):
    """CVE-2017-6413 and CVE-2017-6062 of mod_auth_openidc, headers of an identity that come through where a token is asked for, and where
    nobody is: authenticated, open, preflights and clients that pass."""
    bearer = token if path in ("/user/x", "/api/x") else None
    twin, _ = stand.ask(bearer, path=path, method=method, headers=headers)
    assert twin.status == 200, twin
    answer, (seen,) = stand.ask(bearer, path=path, method=method, headers=(*headers, (name, "root"), ("X-Users", "kept"), ("Connection", "X-User")))
    assert answer.status == 200 and "root" not in [value for _, value in seen.headers], seen
    assert seen.header("X-User") == ("alice" if path == "/user/x" else None)
    stand.unharmed()


# ---- Sizes ----

def test_the_largest_field(stand, key):
    """httpd's own limit of a field, as it is by default: a token that fits passes, a longer one is httpd's to refuse."""
    def filled(size):
        made = mint(key, claims(ISSUER, pad="x" * ((size - len(mint(key, claims(ISSUER, pad="")))) * 3 // 4)))
        assert size - 8 < len(made) <= size + 2
        return made
    # the limit is that of the whole line without its end
    room = DEFAULT_FIELD_SIZE - len("Authorization: Bearer ")
    stand.untouched(filled(room - 10))
    answer, seen = stand.ask(filled(room + 10))
    assert (answer.status, answer.user, seen) == (400, None, []), answer
    stand.untouched(filled(room - 10))
    stand.unharmed()


def test_methods(stand, token):
    """Whatever the method is called, it needs the token."""
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer, seen = stand.ask(path="/api/x", method=method)
        assert (answer.status, answer.challenge, seen) == (401, 'Bearer realm="localhost"', []), (method, answer)
        assert stand.ask(token, path="/api/x", method=method)[0].status == 200
    for method in ("PROPFIND", "BREW", "get", "CONNECT", "TRACK"):
        answer, seen = stand.ask(path="/api/x", method=method)
        assert answer.status in (400, 401, 405, 501) and not seen, (method, answer)


# ---- What goes out ----

TARGETS = ["../../other", "/other", "//127.0.0.1/other", "https://127.0.0.1/other", "?kid=x", "#x", "..%2f..%2fother", "\r\nX-Evil: 1", "' OR 1=1", "%s%n",
           "x" * 4000, "\u0000"]


def test_kid_is_never_a_url(launch, pki, key):
    """A kid that is not known is a reason to ask for the keys again, at the address of the configuration and in no other words (others have made
    it part of a path)."""
    fake = FakeIssuer(pki.server)
    try:
        fake.answer("/keys/jwks", key_set(key.jwk()))
        server = launch(STEADY + outgoing(pki) + remote(ISSUER, f'MTLSOAuthJWKSURI "{fake.url}/keys/jwks"'), [Host(location("/api"))])
        asker = Asker(server, pki)
        eventually(lambda: _ok(asker.fresh(mint(key, claims(ISSUER)))))
        before = fake.count()
        for kid in TARGETS:
            over(0.2)
            answer = asker.fresh(mint(key, claims(ISSUER), {"kid": kid}))
            assert answer.refusal in ("key_unknown", "keys_unavailable", "token_malformed"), answer
        over()
        assert fake.count() > before
        head = {tuple(sorted(one.headers.items())) for one in fake.asked()}
        assert {(one.method, one.path) for one in fake.asked()} == {("GET", "/keys/jwks")} and len(head) == 1, fake.asked()
        _ok(asker.fresh(mint(key, claims(ISSUER))))
    finally:
        fake.close()


def _ok(answer):
    assert answer.status == 200, answer
