"""Whose request it is, across subrequests, internal redirects, error documents, index files and rewrites."""

import pytest

from support.blocks import issuer, location
from support.expect import refused
from support.server import Host
from support.tokens import claims, mint

ISSUER = "https://identity.example.test"

# a page that tells what a subrequest was told
ENVIRONMENT = ('<!--#echo var="REMOTE_USER" -->|<!--#echo var="MTLS_OAUTH_SUBJECT" -->|'
               '<!--#echo var="MTLS_OAUTH_BINDING" -->|<!--#echo var="DEPT" -->\n')
TOLD, UNTOLD = "alice|alice|unbound|it\n", "(none)|(none)|(none)|(none)\n"

FILES = {
    "api/page.shtml": ENVIRONMENT, "api/index.shtml": ENVIRONMENT, "public/page.shtml": ENVIRONMENT,
    "api/including.shtml": '<!--#include virtual="page.shtml" -->', "files/index.shtml": ENVIRONMENT,
    "public/including.shtml": '<!--#include virtual="/api/page.shtml" --><!--#include virtual="page.shtml" -->',
    "api/mixed.shtml": '<!--#include virtual="/open/a" --><!--#include virtual="/first/back" -->'
                       '<!--#include virtual="/open/b" -->',
    "api/hop": "", "api/leave": "", "secret/page.shtml": ENVIRONMENT,
}

TEXT = """
DirectoryIndex index.shtml
<Directory "{root}">
    Options +Includes +MultiViews +FollowSymLinks
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
</Directory>
<Directory "{root}/api">
    RewriteEngine on
    RewriteRule "^hop$" "/api/page.shtml"
    RewriteRule "^leave$" "/public/page.shtml"
</Directory>
RewriteEngine on
RewriteRule "^/enter$" "/api/page.shtml" [PT]
<Location "/api">
    ErrorDocument 404 /api/page.shtml
    MTLSOAuthClaimEnv DEPT dept
    MTLSOAuthClaimHeader X-User sub
</Location>
<Location "/secret">
    ErrorDocument 403 /public/page.shtml
</Location>
<Files "index.shtml">
    AuthType mTLS-OAuth
    MTLSOAuthClaimEnv DEPT dept
    Require valid-user
</Files>
"""


@pytest.fixture(scope="module")
def server(launch, jwks, back):
    proxied = f'ProxyPass "{{0}}" "http://127.0.0.1:{back.port}{{0}}"\n'
    text = (issuer(ISSUER, jwks) + location("/api") + location("/secret", require="oauth-scope admin") + TEXT
            + location("/first", "MTLSOAuthClaimHeader X-User sub", "MTLSOAuthForwardToken off",
                       'ErrorDocument 404 /second/x')
            + location("/second", "MTLSOAuthClaimHeader X-Client client_id")
            + location("/ahead", "MTLSOAuthClaimHeader X-User sub", "MTLSOAuthForwardToken off",
                       'RequestHeader set X-Ahead "expr=%{reqenv:AHEAD}"')
            + 'RewriteCond "%{LA-U:REMOTE_USER}" "(.+)"\nRewriteRule "^/ahead/" '
              f'"http://127.0.0.1:{back.port}/ahead" [P,E=AHEAD:%1]\n'
            + 'RewriteRule "^/to-second$" "/second/x" [PT]\n'
            + '<Directory "{root}/first">\nRewriteEngine on\nRewriteRule "^again$" "/first/back"\n'
              'RewriteRule "^second$" "/second/x"\nRewriteRule "^open$" "/open/x"\nRewriteRule "^gone$" - [R=404]\n</Directory>\n'
            + "".join(proxied.format(path) for path in ("/first/back", "/second", "/open")))
    return launch(hosts=[Host(text)], files={**FILES, "first/again": "", "first/second": "", "first/open": ""})


@pytest.fixture
def ask(server, connect, key, back):
    token = mint(key, claims(ISSUER, dept="it"))

    def send(path, bearer=token):
        back.take()
        answer = connect(server).request(path, bearer)
        return answer, [seen for seen in back.take()]
    send.token = token
    return send


@pytest.mark.parametrize("path", ["/api/page.shtml", "/api/page", "/api/", "/api/including.shtml", "/api/hop", "/enter",
                                  "/api/nothing", "/files/"])
def test_never_lost(ask, path):
    """However the page is reached, it is told who asks."""
    answer, _ = ask(path)
    assert answer.body.decode() == TOLD, answer


@pytest.mark.parametrize("path", ["/api/page.shtml", "/api/page", "/api/", "/api/including.shtml", "/api/hop", "/enter",
                                  "/api/nothing", "/files/"])
def test_nothing_for_nobody(ask, path):
    answer, _ = ask(path, None)
    refused(answer, "no_token") if answer.refusal else None
    assert answer.status == 401 and TOLD.encode() not in answer.body


def test_not_leaked_to_the_open(ask):
    """A page for everybody that an authenticated request is sent on to is not told as if it were asked by that user."""
    for path in ("/public/page.shtml", "/api/leave"):
        assert ask(path)[0].body.decode() == UNTOLD, path
    answer, _ = ask("/secret/page.shtml")
    assert answer.status == 403 and answer.body.decode() == UNTOLD


def test_subrequest_of_an_open_page(ask):
    """Each part of a page has its own answer. (mod_include shows a part the variables of the whole, which is nobody's.)"""
    assert ask("/public/including.shtml")[0].body.decode() == 2 * UNTOLD
    body = ask("/public/including.shtml", None)[0].body.decode()
    assert body.count(UNTOLD) == 1 and "error occurred" in body


def test_headers_of_the_place_that_answers(ask):
    """What the back end is told belongs to the place that the request ends in, and so does whether it gets the token."""
    seen = ask("/first/again")[1][0]
    assert (seen.path, seen.header("X-User"), seen.header("Authorization")) == ("/first/back", "alice", None)
    seen = ask("/first/second")[1][0]
    assert (seen.path, seen.header("X-User"), seen.header("X-Client")) == ("/second/x", None, "reports")
    assert seen.header("Authorization") == f"Bearer {ask.token}"
    seen = ask("/first/open")[1][0]
    assert (seen.path, seen.header("X-User"), seen.header("X-Client")) == ("/open/x", None, None)
    assert seen.header("Authorization") is None


def test_headers_of_an_included_open_page(ask):
    """What an authenticated page includes from an open place is asked for without the user's headers, and the page keeps
    its own."""
    answer, seen = ask("/api/mixed.shtml")
    assert [(one.path, one.header("X-User")) for one in seen] == [("/open/a", None), ("/first/back", "alice"),
                                                                 ("/open/b", None)]


def test_looking_ahead_takes_nothing_away(ask):
    """A rewrite that looks ahead for the user asks by a subrequest, in which the token is removed: not from the request."""
    answer, seen = ask("/ahead/x")
    assert answer.status == 200 and seen[0].header("X-Ahead") == "alice"
    assert (seen[0].header("X-User"), seen[0].header("Authorization")) == ("alice", None)


def test_error_document_behind_a_removed_token(ask):
    """The token that one place has taken away still authenticates the error document of another."""
    answer, seen = ask("/first/gone")
    assert answer.status == 200 and seen[0].path == "/second/x" and seen[0].header("X-Client") == "reports"
    answer, seen = ask("/first/gone", None)
    assert answer.status == 401 and not seen
