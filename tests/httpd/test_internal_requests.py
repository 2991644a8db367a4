"""Subrequests, error documents, index files, rewrites and the proxy: nothing leaks, loops or is logged twice."""

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://inside.example.test"

FILES = {
    "public.txt": "for everyone\n", "api/secret.txt": "the secret\n", "api/index.html": "the secret\n",
    "including.shtml": 'before <!--#include virtual="/api/secret.txt" --> after\n',
    "twice.shtml": '<!--#include virtual="/api/secret.txt" --><!--#include virtual="/strict/secret.txt" -->\n',
    "strict/secret.txt": "the secret\n", "hop/x": "", "api/pages/page.txt": "the secret\n",
    "error.html": "an error page\n",
}

TEXT = """
DirectoryIndex index.html
ErrorDocument 404 /api/secret.txt
<Directory "{root}">
    Options +Includes +MultiViews +FollowSymLinks
    AddType text/html .shtml .html
    AddType text/plain .txt
    AddOutputFilter INCLUDES .shtml
</Directory>
RewriteEngine on
RewriteRule "^/open/(.*)$" "/api/$1" [PT]
RewriteCond "%{LA-U:REMOTE_USER}" "=alice"
RewriteRule "^/guess/" "/public.txt" [PT]
Alias "/guess" "{root}/api"
<Directory "{root}/hop">
    RewriteEngine on
    RewriteRule "^x$" "/strict/secret.txt"
</Directory>
<Location "/api/pages">
    ErrorDocument 401 /error.html
</Location>
<Location "/api/loop">
    ErrorDocument 401 /api/loop/again
</Location>
<Location "/conditional">
    <If "%{QUERY_STRING} =~ /guarded/">
        AuthType mTLS-OAuth
        MTLSOAuthUseMutualTLS required
        Require valid-user
    </If>
</Location>
Alias "/conditional" "{root}/api"
"""


@pytest.fixture(scope="module")
def server(launch, jwks):
    text = (issuer(ISSUER, jwks) + location("/api") + location("/strict", "MTLSOAuthUseMutualTLS required")
            + location("/hop") + location("/guess") + TEXT)
    return launch(hosts=[Host(text)], files=FILES)


@pytest.fixture(scope="module")
def proxy(launch, server, jwks):
    """A reverse proxy before a back end that logs what reaches it."""
    back = launch(hosts=[Host('Alias "/back" "{root}/api"\nCustomLog "{root}/../access.log" "%r %{Authorization}i"',
                              tls=False)])
    text = (issuer(ISSUER, jwks) + location("/") + f'ProxyPass "/" "http://127.0.0.1:{back.plain_port}/"\n')
    return launch(hosts=[Host(text)]), back


@pytest.fixture
def ask(server, connect):
    def send(path, token=None, certificate=None):
        server.new_lines()
        return connect(server, certificate).request(path, token)
    return send


@pytest.fixture
def token(key):
    return mint(key, claims(ISSUER))


@pytest.fixture
def bound(key, pki):
    return mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))


def test_included_file(ask, server, pki, token, bound):
    """A server-side include of a protected file shows it to those who may see it, and is logged once for the others."""
    assert b"the secret" in ask("/including.shtml", token).body
    assert b"the secret" in ask("/including.shtml", bound, pki.owner).body
    rows = ((None, None, "no_token"), ("a.b.c", None, "token_malformed"), (bound, pki.thief, "certificate_mismatch"))
    for wrong, certificate, code in rows:
        answer = ask("/including.shtml", wrong, certificate)
        assert answer.status == 200 and b"before" in answer.body and b"the secret" not in answer.body
        assert [line.split()[1] for line in server.refusals()] == [code]


def test_two_included_files(ask, server, token):
    """One request of a client is one line, however many subrequests were refused."""
    assert b"the secret" not in ask("/twice.shtml", "a.b.c").body
    assert [line.split()[1] for line in server.refusals()] == ["token_malformed"]
    assert ask("/twice.shtml", token).body.count(b"the secret") == 1
    assert [line.split()[1] for line in server.refusals()] == ["binding_missing"]


def test_index_file(ask, server, token):
    """An index is looked up by subrequests: one answer, one line."""
    admitted(ask("/api/", token))
    refused(ask("/api/"), "no_token")
    assert len(server.refusals()) == 1
    refused(ask("/api/", "a.b.c"), "token_malformed")
    assert len(server.refusals()) == 1


def test_negotiated_file(ask, server, token):
    admitted(ask("/api/secret", token))
    refused(ask("/api/secret", "a.b.c"), "token_malformed")
    assert len(server.refusals()) == 1


def test_error_document_for_everyone(ask, server, token):
    """An ErrorDocument changes the body only: status and challenge stay, one line is logged."""
    answer = ask("/api/pages/page.txt", "a.b.c")
    assert (answer.status, answer.body) == (401, b"an error page\n")
    assert answer.challenge.startswith('Bearer realm="localhost", error="invalid_token"')
    assert [line.split()[1] for line in server.refusals()] == ["token_malformed"]
    admitted(ask("/api/pages/page.txt", token))


@pytest.mark.parametrize("wrong", [None, "a.b.c"])
def test_error_document_that_is_protected(ask, server, wrong):
    """No loop, no leak, one line."""
    answer = ask("/api/loop/x", wrong)
    assert answer.status == 401 and answer.challenge.startswith('Bearer realm="localhost"')
    assert len(answer.all("WWW-Authenticate")) == 1
    assert len(server.refusals()) == 1


def test_missing_page_with_protected_error_document(ask, server, token):
    """A public 404 whose ErrorDocument is protected gives nothing away."""
    answer = ask("/nothing")
    assert answer.status in (401, 404) and b"the secret" not in answer.body
    assert len(server.refusals()) == 1
    assert ask("/nothing", token).body == b"the secret\n"


@pytest.mark.parametrize("path", ["/open/secret.txt", "/open/../api/secret.txt", "/open/./secret.txt"])
def test_rewritten_into_a_protected_place(ask, path, token):
    admitted(ask(path, token))
    refused(ask(path), "no_token")


def test_redirect_from_one_place_to_a_stricter_one(ask, pki, token, bound):
    """Each Location judges for itself; being admitted by the first is not enough for the second."""
    admitted(ask("/hop/x", bound, pki.owner), binding="bound")
    for wrong, certificate, code in ((token, pki.owner, "binding_missing"), (bound, pki.thief, "certificate_mismatch")):
        answer = ask("/hop/x", wrong, certificate)
        assert answer.status == 401 and b"the secret" not in answer.body
        assert code in (answer.refusal, None)


def test_lookahead(ask, server, token):
    """A rewrite condition that looks ahead for the user asks by a subrequest: same answer, one line."""
    assert ask("/guess/secret.txt", token).body == b"for everyone\n"
    refused(ask("/guess/secret.txt", "a.b.c"), "token_malformed")
    assert len(server.refusals()) == 1


def test_if_section(ask, pki, token, bound):
    """<If> turns the module on for some requests of a place."""
    assert ask("/conditional/secret.txt").status == 200
    refused(ask("/conditional/secret.txt?guarded"), "no_token")
    refused(ask("/conditional/secret.txt?guarded", token, pki.owner), "binding_missing")
    admitted(ask("/conditional/secret.txt?guarded", bound, pki.owner), binding="bound")


def test_back_end_sees_admitted_requests_only(proxy, connect, pki, key, bound):
    """Nothing of a refused request reaches the back end."""
    front, back = proxy
    for wrong, certificate in ((None, None), ("a.b.c", None), (bound, pki.thief), (bound, None)):
        assert connect(front, certificate).request("/back/secret.txt", wrong).status == 401
        assert connect(front, certificate).request("/back/secret.txt", wrong, method="OPTIONS").status == 401
    assert connect(front, pki.owner).request("/back/secret.txt", bound).body == b"the secret\n"
    back.stop()
    assert (back.directory / "access.log").read_text().splitlines() == [f"GET /back/secret.txt HTTP/1.1 Bearer {bound}"]
