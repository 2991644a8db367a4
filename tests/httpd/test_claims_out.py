"""What the back end is told of the token, and that nobody else can tell it."""

import json
from urllib.parse import unquote

import pytest

from support.blocks import issuer, location
from support.client import Connection
from support.expect import refused
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://out.example.test"

# spellings that a back end may take for X-User
SPELLINGS = ("X-User", "x-user", "X_User", "X.User", "X~User", "X-USER")


def proxied(path, back):
    return f'ProxyPass "{path}" "http://127.0.0.1:{back.port}{path}"\n'


@pytest.fixture(scope="module")
def server(launch, jwks, back):
    places = ("/user", "/plain", "/off", "/cookie", "/both", "/public", "/outer", "/hop")
    text = (issuer(ISSUER, jwks)
            + location("/user", "MTLSOAuthClaimHeader X-User sub", "MTLSOAuthClaimHeader X-Roles realm.roles",
                       "MTLSOAuthClaimEnv ROLES realm.roles", "MTLSOAuthClaimEnv DEPT dept",
                       'RequestHeader set X-Seen-Roles "expr=%{reqenv:ROLES}"',
                       'RequestHeader set X-Seen-Dept "expr=%{reqenv:DEPT}"')
            + location("/plain") + location("/off", "MTLSOAuthForwardToken off")
            + location("/off/on", "MTLSOAuthForwardToken on")
            + location("/off/own", 'RequestHeader set Authorization "Basic c2l0ZQ=="')
            + location("/cookie", "MTLSOAuthTokenSource cookie:at", "MTLSOAuthForwardToken off")
            + location("/both", "MTLSOAuthTokenSource header cookie:at", "MTLSOAuthForwardToken off")
            + location("/outer", "MTLSOAuthClaimHeader X-User sub", "MTLSOAuthClaimHeader X-Dept dept")
            + location("/outer/inner", "MTLSOAuthClaimHeader X-User client_id")
            + "SetEnvIf X-Want-Dept (.*) DEPT=$1\nMTLSOAuthForwardClientCert Client-Cert\n"
            + 'RewriteEngine on\nRewriteRule "^/hop$" "/public/hop" [PT]\n'
            + "".join(proxied(place, back) for place in places))
    text += """
<Location "/asked">
    Require expr "%{HTTP:X-User} == 'root' || %{HTTP:X-Main} == 'root'"
</Location>
Alias "/asked" "{root}/public.txt"
"""
    main = '<Location "/main">\nMTLSOAuthClaimHeader X-Main sub\n</Location>\n'
    return launch(main=main, hosts=[Host(text), Host(text, tls=False)])


@pytest.fixture
def ask(server, connect, key, back, pki):
    """The request as the back end saw it; None when it did not."""
    def send(path, headers=(), certificate=None, cookie=False, token=True, **changes):
        back.take()
        minted = mint(key, claims(ISSUER, **changes)) if token else None
        if cookie:
            headers = (*headers, ("Cookie", f"a=1; at={minted}; b=2"))
        send.answer = connect(server, certificate).request(path, None if cookie else minted, headers=headers)
        send.token = minted
        seen = back.take()
        return seen[0] if seen else None
    return send


# claim -> the field's value
VALUES = [
    ("alice", "alice"), ("Ann Lee", "Ann Lee"), ("müller", "m%C3%BCller"), ("50% off", "50%25 off"), (" x ", "%20x%20"),
    ('a"b,c;d', 'a"b,c;d'), (7, "7"), ("日本", "%E6%97%A5%E6%9C%AC"),
]


@pytest.mark.parametrize("claim, value", VALUES)
def test_header(ask, claim, value):
    """A claim arrives as visible ASCII that decodes to its UTF-8."""
    seen = ask("/user/x", sub=claim)
    assert seen.all("X-User") == [value] and unquote(value) == str(claim)


def test_arrays_and_types(ask):
    """Arrays are JSON lists, numbers and booleans their JSON text; what is absent, an object or null sends nothing."""
    for roles in (["a", "b c"], [], ["ü", 1, True]):
        seen = ask("/user/x", realm={"roles": roles})
        assert json.loads(unquote(seen.header("X-Roles"))) == roles
        assert json.loads(seen.header("X-Seen-Roles").encode("latin-1").decode()) == roles
    for roles, value in ((True, "true"), (1.5, "1.5"), (-3, "-3")):
        assert ask("/user/x", realm={"roles": roles}).header("X-Roles") == value
    for realm in ({"roles": {"a": 1}}, {"roles": None}, {}, ["roles"], "roles", ...):
        seen = ask("/user/x", realm=realm)
        assert seen.header("X-Roles") is None and not seen.header("X-Seen-Roles"), realm


@pytest.mark.parametrize("bad", ["a\nX-Admin: 1", "a\rb", "\x7f", "a\u0085b", ["ok", "a\tb"], [{"a\n": 1}]])
def test_control_characters(ask, bad):
    """A claim with a control character is not passed on in any way."""
    seen = ask("/user/x", realm={"roles": bad}, dept=bad)
    assert seen.header("X-Roles") is None and seen.header("X-Admin") is None
    assert not seen.header("X-Seen-Roles") and not seen.header("X-Seen-Dept")


def test_variable_is_the_claim_or_nothing(ask):
    """A variable that a client can have set by other means does not stand in for an absent claim."""
    assert ask("/user/x", dept="it").header("X-Seen-Dept") == "it"
    assert not ask("/user/x", headers=(("X-Want-Dept", "board"),)).header("X-Seen-Dept")


def test_stripped_before_it_is_asked_for(server, connect):
    """Nothing of httpd's own believes such a header either; the main server's Locations hold in a virtual host as well."""
    for name in ("X-User", "X-Main"):
        assert connect(server).request("/asked", headers=((name, "root"),)).status == 403


@pytest.mark.parametrize("path", ["/user/x", "/plain/x", "/public/x"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_stripped_everywhere(ask, path, name):
    """A header that one Location hands out is nobody else's, in any spelling and at any place of the server."""
    seen = ask(path, headers=((name, "root"), ("X-Users", "kept"), ("X-Roles", "root"), ("Client_Cert", ":AAAA:"),
                              ("client-cert-chain", ":AAAA:")))
    assert seen.header("X-Users") == "kept"
    values = [value for key, value in seen.headers if key.lower().replace("_", "-").replace(".", "-") == "x-user"]
    assert values == (["alice"] if path.startswith("/user") else [])
    assert not any("root" == value or "AAAA" in value for _, value in seen.headers)


def test_not_deleted_by_connection(ask, pki):
    """Connection: X-User would have mod_proxy delete what this server sets."""
    for connection in ("X-User, keep-alive", "x_user", "close, X-User, Client-Cert"):
        seen = ask("/user/x", headers=(("Connection", connection),), certificate=pki.owner, cnf=bound_to(pki.owner))
        assert seen.all("X-User") == ["alice"] and seen.header("Client-Cert")


def test_refused_request(ask):
    """Nothing of a refused request reaches the back end."""
    assert ask("/user/x", aud="urn:other") is None
    assert ask("/user/x", token=False) is None


def test_other_server(server, ask, back):
    """The list is the server's: on every port of it, and for a request over clear text."""
    back.take()
    answer = Connection(server.plain_port, "localhost").request("/public/x", headers=(("X_User", "root"),))
    assert answer.status == 200 and all(value != "root" for _, value in back.take()[0].headers)


def test_inner_place_adds_and_replaces(ask):
    seen = ask("/outer/x", dept="it")
    assert (seen.all("X-User"), seen.all("X-Dept")) == (["alice"], ["it"])
    seen = ask("/outer/inner/x", dept="it")
    assert (seen.all("X-User"), seen.all("X-Dept")) == (["reports"], ["it"])


def test_token_is_forwarded_or_not(ask):
    """On by default; off takes the token from the header or cookie that it was read from, and nothing else."""
    seen = ask("/plain/x")
    assert seen.all("Authorization") == [f"Bearer {ask.token}"]
    seen = ask("/off/x", headers=(("Cookie", "a=1"),))
    assert seen.header("Authorization") is None and seen.header("Cookie") == "a=1"
    assert ask("/off/on/x").header("Authorization") == f"Bearer {ask.token}"
    seen = ask("/cookie/x", cookie=True)
    assert seen.header("Cookie") == "a=1; b=2" and seen.header("Authorization") is None
    seen = ask("/both/x", headers=(("Cookie", "at=other; a=1"),))
    assert seen.header("Cookie") == "at=other; a=1" and seen.header("Authorization") is None
    assert not any(ask.token in value for _, value in seen.headers)


def test_credentials_of_the_site(ask):
    """What the site itself puts into Authorization for the back end stays there."""
    assert ask("/off/own/x").all("Authorization") == ["Basic c2l0ZQ=="]


def test_answer_without_a_token_is_private(ask):
    """Once the token is gone mod_cache cannot tell whose answer it is."""
    ask("/plain/x")
    assert ask.answer.header("Cache-Control") is None
    for place in ("/off/x", "/cookie/x"):
        ask(place, cookie=place == "/cookie/x")
        assert ask.answer.header("Cache-Control") == "private"


CONFIGTEST = [
    ("MTLSOAuthClaimHeader X-User", ["X-User"]), ("MTLSOAuthClaimHeader Authorization sub", ["Authorization"]),
    ("MTLSOAuthClaimHeader X_User sub", ["X_User"]), ("MTLSOAuthClaimHeader X-User a..b", ["a..b"]),
    ("MTLSOAuthClaimHeader X-User a\nMTLSOAuthClaimHeader x-user b", ["x-user", "twice"]),
    ("MTLSOAuthClaimHeader Content-Length sub", ["Content-Length"]), ("MTLSOAuthClaimEnv", ["MTLSOAuthClaimEnv"]),
    ("MTLSOAuthClaimEnv MTLS_OAUTH_X sub", ["MTLS_OAUTH_X"]), ("MTLSOAuthClaimEnv HTTP_PROXY sub", ["HTTP_PROXY"]),
    ("MTLSOAuthClaimEnv LD_PRELOAD sub", ["LD_PRELOAD"]), ("MTLSOAuthClaimEnv A-B sub", ["A-B"]),
    ("MTLSOAuthClaimEnv 1A sub", ["1A"]), ("MTLSOAuthClaimEnv A sub x", ["A"]),
    ("MTLSOAuthForwardToken maybe", ["maybe", "on, off"]), ("MTLSOAuthForwardToken on\nMTLSOAuthForwardToken on",
                                                            ["twice"]),
]


@pytest.mark.parametrize("lines, words", CONFIGTEST, ids=[lines for lines, _ in CONFIGTEST])
def test_configtest(make_httpd, jwks, lines, words):
    code, said = make_httpd(hosts=[Host(issuer(ISSUER, jwks) + location("/api", lines))]).configtest()
    assert code != 0 and all(word in said for word in [lines.split()[0], *words]), said


def test_htaccess(launch, connect, jwks, key, back):
    """.htaccess may use a name that the server strips; any other shuts the door."""
    files = {f"{name}/.htaccess": f"AuthType mTLS-OAuth\nRequire valid-user\nMTLSOAuthClaimHeader {header} sub\n"
             for name, header in (("known", "X-User"), ("new", "X-Other"))}
    files |= {f"{name}/x.txt": "x" for name in ("known", "new")}
    text = (issuer(ISSUER, jwks) + location("/other", "MTLSOAuthClaimHeader X-User client_id")
            + '<Directory "{root}">\nAllowOverride AuthConfig\n</Directory>\n'
            + 'Header always set X-Sent "expr=%{HTTP:X-User}"\n')
    server = launch(hosts=[Host(text)], files=files)
    token = mint(key, claims(ISSUER))
    answer = connect(server).request("/known/x.txt", token)
    assert (answer.status, answer.header("X-Sent")) == (200, "alice")
    server.new_lines()
    assert connect(server).request("/new/x.txt", token).status == 503
    assert any("MTLSOAuthClaimHeader X-Other" in line for line in server.new_lines())
    refused(connect(server).request("/known/x.txt"), "no_token")
