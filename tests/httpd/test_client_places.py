"""Where a client is asked for: .htaccess, <If>, error pages, redirects from place to place, and beside places of bearer tokens."""

import pytest

from support.blocks import issuer, location
from support.client import Connection
from support.client_pki import SUBJECT
from support.clients import authenticated, by_name, endpoint, form, passed, post, refused
from support.key_life import eventually
from support.server import Host
from support.tokens import claims, mint

ISSUER = "https://places.example.test"

FILES = {"public.txt": "for everyone\n", "api/secret.txt": "the secret\n", "error.html": "an error page\n",
         "token/secret.txt": "the secret\n", "token/hop/x": "", "token/hop/y": "", "open/hop/x": "", "strict/secret.txt": "the secret\n",
         "page.shtml": 'before <!--#include virtual="/token/secret.txt" --> after\n',
         "ht/good/.htaccess": "AuthType TLS-Client-Auth\nRequire valid-user\n", "ht/good/secret.txt": "the secret\n",
         "ht/pass/.htaccess": "AuthType TLS-Client-Auth\nMTLSOAuthOtherClients pass\nRequire valid-user\n",
         "ht/pass/secret.txt": "the secret\n",
         "ht/bad/.htaccess": "AuthType TLS-Client-Auth\nMTLSOAuthOtherClients perhaps\nRequire valid-user\n",
         "ht/bad/secret.txt": "the secret\n",
         "ht/server/.htaccess": "MTLSOAuthClientsFile x\n", "ht/server/secret.txt": "the secret\n"}

TEXT = """
<Directory "{root}">
    Options +Includes +FollowSymLinks
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
</Directory>
<Directory "{root}/ht">
    AllowOverride AuthConfig
</Directory>
<Directory "{root}/token/hop">
    RewriteEngine on
    RewriteRule "^x$" "/strict/secret.txt"
    RewriteRule "^y$" "/api/secret.txt"
</Directory>
<Directory "{root}/open/hop">
    RewriteEngine on
    RewriteRule "^x$" "/token/secret.txt"
</Directory>
<Location "/token">
    ErrorDocument 401 /error.html
    ErrorDocument 400 "an error text"
    ErrorDocument 413 /error.html
</Location>
<Location "/conditional">
    <If "%{QUERY_STRING} =~ /guarded/">
        AuthType tls-client-auth
        Require valid-user
    </If>
</Location>
Alias "/conditional" "{root}/api"
<Location "/open-by-mistake">
    AuthType TLS-Client-Auth
    Require all granted
</Location>
Alias "/open-by-mistake" "{root}/api"
<Location "/any">
    AuthType TLS-Client-Auth
    <RequireAny>
        Require user nobody
        Require env INSIDE
    </RequireAny>
</Location>
Alias "/any" "{root}/api"
SetEnvIf X-Inside yes INSIDE
"""


@pytest.fixture(scope="module")
def text(client_pki, jwks):
    return (f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name("reports", "dn", SUBJECT) + issuer(ISSUER, jwks)
            + location("/api") + endpoint("/token") + endpoint("/open", "MTLSOAuthOtherClients pass")
            + endpoint("/strict", require="oauth-client another") + TEXT)


@pytest.fixture(scope="module")
def server(launch, text):
    return launch(hosts=[Host(text)], files=FILES)


@pytest.fixture
def ask(server, connect):
    def send(path, body, certificate=None, *headers, **settings):
        server.new_lines()
        return post(connect(server, certificate), path, body, *headers, **settings)
    return send


def codes(server):
    return [line.split()[1] for line in server.refusals()]


def test_error_documents(ask, server, client_pki):
    """The JSON of a refusal is for programs: no error page takes its place."""
    refused(ask("/token/secret.txt", form("nobody")), "client_unknown")
    assert codes(server) == ["client_unknown"]
    refused(ask("/token/secret.txt", form("reports"), client_pki.billing), "client_subject_mismatch")
    refused(ask("/token/secret.txt", form()), "client_id_missing")
    refused(ask("/token/secret.txt", form("reports", x="x" * 70000)), "form_too_large")


def test_redirect_to_another_place(ask, server, client_pki):
    """Each place judges for itself: a client of one is not let into the next one by that, nor with a token's place."""
    answer = ask("/token/hop/x", form("reports"), client_pki.reports)
    assert answer.status == 403 and b"the secret" not in answer.body, answer
    answer = ask("/token/hop/y", form("reports"), client_pki.reports)
    assert answer.status == 401 and b"the secret" not in answer.body, answer
    assert answer.challenge.startswith("Bearer ") and codes(server) == ["no_token"]
    answer = ask("/open/hop/x", form("nobody", client_secret="x"))
    assert answer.status == 401 and b"the secret" not in answer.body, answer
    assert codes(server) == ["client_unknown"]
    authenticated(ask("/open/hop/x", form("reports"), client_pki.reports), "reports", client_pki.reports)


def test_token_is_no_client(ask, connect, server, client_pki, key):
    """A bearer token, good as it is, authenticates no client; a client without one gets into no token's place."""
    token = mint(key, claims(ISSUER))
    answer = connect(server).request("/api/secret.txt", token)
    assert (answer.status, answer.user) == (200, "alice")
    bearer = ("Authorization", f"Bearer {token}")
    refused(ask("/token/secret.txt", form("reports"), client_pki.reports, bearer), "client_auth_mixed")
    refused(ask("/token/secret.txt", form(), client_pki.reports, bearer), "client_unknown", realm="localhost")
    assert ask("/api/secret.txt", form("reports"), client_pki.reports).refusal == "no_token"


def test_included_page(ask, server, client_pki):
    """A subrequest is the client's whose request it is part of, and leaves one line."""
    answer = ask("/page.shtml", form("reports"), client_pki.billing)
    assert answer.status == 200 and b"before" in answer.body and b"the secret" not in answer.body
    assert len(codes(server)) == 1


def test_htaccess(ask, client_pki):
    """AllowOverride AuthConfig; a wrong value refuses with 503."""
    authenticated(ask("/ht/good/secret.txt", form("reports"), client_pki.reports), "reports", client_pki.reports)
    refused(ask("/ht/good/secret.txt", form("nobody")), "client_unknown")
    passed(ask("/ht/pass/secret.txt", form("nobody")))
    answer = ask("/ht/bad/secret.txt", form("reports"), client_pki.reports)
    assert answer.status == 503 and b"the secret" not in answer.body and answer.user is None
    answer = ask("/ht/server/secret.txt", form("reports"), client_pki.reports)
    assert answer.status == 500 and b"the secret" not in answer.body


def test_wrong_htaccess_is_told(ask, server, client_pki):
    """The error line names directive and value."""
    ask("/ht/bad/secret.txt", form("reports"), client_pki.reports)
    assert any("MTLSOAuthOtherClients" in line and "perhaps" in line for line in server.lines())


def test_if_section(ask, client_pki):
    """<If> turns it on for some requests of a place; AuthType has no case."""
    answer = ask("/conditional/secret.txt", form("nobody"))
    assert (answer.status, answer.user) == (200, None)
    refused(ask("/conditional/secret.txt?guarded", form("nobody")), "client_unknown")
    authenticated(ask("/conditional/secret.txt?guarded", form("reports"), client_pki.reports), "reports", client_pki.reports)


def test_no_require(ask, server):
    """AuthType without a Require that asks for a user protects nothing; the log says so once."""
    for _ in range(2):
        assert ask("/open-by-mistake/secret.txt", form("nobody")).status == 200
    eventually(lambda: assert_warned(server))


def assert_warned(server):
    assert any(":warn]" in line and "TLS-Client-Auth" in line and "Require valid-user" in line for line in server.lines())


def test_require_that_needs_no_user(ask, client_pki):
    """Met without a user, it asks nobody; not met, it asks for the client."""
    inside = ("X-Inside", "yes")
    assert ask("/any/secret.txt", form("whoever"), None, inside).status == 200
    refused(ask("/any/secret.txt", form("whoever")), "client_unknown")
    answer = ask("/any/secret.txt", form("reports"), client_pki.reports)
    assert (answer.status, answer.refusal) == (403, "claim_denied")


def test_without_mod_ssl(launch, text):
    """An httpd without TLS knows no certificates."""
    server = launch(hosts=[Host(text, tls=False)], files=FILES, without=("ssl", "http2"))
    plain = Connection(server.plain_port, "localhost")
    refused(post(plain, "/token/secret.txt", form("reports")), "client_certificate_missing")
    plain.close()


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_other_mpms(launch, connect, text, client_pki, mpm):
    """The MPM makes no difference, nor does the order of the LoadModule lines."""
    server = launch(hosts=[Host(text)], files=FILES, mpm=mpm, ours="first")
    authenticated(post(connect(server, client_pki.reports), "/token/secret.txt", form("reports")), "reports", client_pki.reports)
    refused(post(connect(server, client_pki.billing), "/token/secret.txt", form("reports")), "client_subject_mismatch")
