"""A real authorization server (oidc-provider) behind this one: clients authenticated here, their tokens bound there and used here."""

import base64
import json
import textwrap

import pytest

from support import authorization_server, environment
from support.authorization_server import AuthorizationServer, secret_client
from support.blocks import location
from support.client import Connection, tls_context
from support.client_pki import DNS, SUBJECT, certificate_jwk
from support.clients import endpoint, form, named, once, refused, with_keys, write_json
from support.expect import admitted
from support.expect import refused as token_refused
from support.key_life import ask, eventually, outgoing, remote
from support.keys import Key
from support.server import Host, free_ports
from support.tokens import AUDIENCE

pytestmark = pytest.mark.skipif(bool(authorization_server.missing()), reason=str(authorization_server.missing()))

README = environment.SOURCE / "README"
FOREWORD = "Clients by certificate, in front of an authorization server"

ENDPOINTS = ["/token", "/introspect", "/revoke"]
RESOURCES = {AUDIENCE: {"format": "jwt", "scope": "read write", "seconds": 600}}

# what every client of the authorization server says besides
COMMON = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": [],
          "tls_client_certificate_bound_access_tokens": True}


@pytest.fixture(scope="module")
def clients(client_pki):
    """Known to both servers, from one file."""
    return [{**client, **COMMON} for client in (
        named("reports", "dn", SUBJECT), named("reports-dns", "dns", DNS), with_keys("batch", certificate_jwk(client_pki.batch)))]


@pytest.fixture(scope="module")
def stand(make_httpd, pki, client_pki, work, clients):
    """Apache in front of the authorization server; the resource is on it too."""
    home = work / "behind"
    home.mkdir()
    server = make_httpd()
    origin = f"https://localhost:{server.port}"
    issuer = AuthorizationServer(home, pki, [Key("ES256", kid="as-1")], [*clients, secret_client("legacy", "a secret")], RESOURCES,
                                 front=origin)
    text = (f'MTLSOAuthClientsFile "{write_json(home / "clients.json", clients)}"\nMTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n'
            "MTLSOAuthForwardClientCert Client-Cert\n"
            + remote(origin, "MTLSOAuthUseMutualTLS required", "MTLSOAuthProfile rfc9068") + location("/api")
            + "".join(endpoint(path) for path in ENDPOINTS)
            + f'RequestHeader set X-Forwarded-Proto https\nProxyPass "/api" "!"\nProxyPreserveHost on\nProxyPass "/" "http://127.0.0.1:{issuer.port}/"\n')
    passing = text.replace(endpoint("/token"), endpoint("/token", "MTLSOAuthOtherClients pass"))
    server.configure(outgoing(pki), [Host(text), Host(passing, name="passing.example.test")])
    issuer.start()
    server.start()
    yield server, issuer
    server.stop()
    issuer.stop()


@pytest.mark.parametrize("client, shown", [("reports", "reports"), ("reports-dns", "reports"), ("batch", "batch")])
def test_token_of_a_client(stand, pki, client_pki, client, shown):
    """From the token endpoint to the resource: the right certificate, another one, none."""
    server, issuer = stand
    certificate = getattr(client_pki, shown)
    token = issuer.token(client, certificate, AUDIENCE)
    eventually(lambda: admitted(ask(server, pki, token, certificate), user=client, binding="bound"))
    for other, code in ((client_pki.billing, "certificate_mismatch"), (client_pki.mask, "certificate_mismatch"),
                        (None, "certificate_missing")):
        token_refused(ask(server, pki, token, other), code)


@pytest.mark.parametrize("client, shown, code", [
    ("reports", "billing", "client_subject_mismatch"), ("reports", "impostor", "client_untrusted"), ("reports", "mask", "client_untrusted"),
    ("reports", None, "client_certificate_missing"), ("batch", "batch_renewed", "client_certificate_unregistered"),
    ("batch", "reports", "client_certificate_unregistered"), ("nobody", "reports", "client_unknown"),
    ("legacy", "reports", "client_unknown")])
def test_no_token_for_others(stand, pki, client_pki, client, shown, code):
    """The authorization server, which takes everything for proven that reaches it, never hears of them."""
    server, issuer = stand
    before = len(issuer.requests("/token"))
    body = form(client, grant_type="client_credentials", resource=AUDIENCE, scope="read")
    refused(once(server, pki, shown and getattr(client_pki, shown), "/token", body), code)
    assert len(issuer.requests("/token")) == before


def test_certificate_in_a_header(stand, pki, client_pki):
    """Client-Cert of a client is not this server's: its own certificate goes along, and binds the token."""
    server, _ = stand
    forged = ":" + base64.b64encode(client_pki.reports.der).decode() + ":"
    body = form("batch", grant_type="client_credentials", resource=AUDIENCE, scope="read")
    answer = once(server, pki, client_pki.batch, "/token", body, ("Client-Cert", forged), ("client_cert", forged),
                  ("Connection", "client-cert"))
    token = json.loads(answer.body)["access_token"]
    eventually(lambda: admitted(ask(server, pki, token, client_pki.batch), user="batch", binding="bound"))
    token_refused(ask(server, pki, token, client_pki.reports), "certificate_mismatch")


@pytest.mark.parametrize("path", ["/TOKEN", "/Token", "/TOKEN/", "/token/", "//token", "/x/../token", "/%74oken",
                                  "/TOKEN?client_id=reports"])
def test_no_way_around(stand, pki, client_pki, path):
    """The authorization server finds its endpoint under more spellings than a Location does: there it gets no certificate."""
    server, _ = stand
    body = form("reports", grant_type="client_credentials", resource=AUDIENCE, scope="read")
    forged = ("Client-Cert", ":" + base64.b64encode(client_pki.reports.der).decode() + ":")
    for certificate in (None, client_pki.impostor, client_pki.billing):
        answer = once(server, pki, certificate, path, body, forged)
        assert answer.status in (400, 401, 404) and b"access_token" not in answer.body, answer.body


def test_introspection_and_revocation(stand, pki, client_pki):
    """The other endpoints ask for the client in the same way; introspection shows the certificate of the token."""
    server, issuer = stand
    token = issuer.token("reports", client_pki.reports, AUDIENCE)
    for path in ENDPOINTS[1:]:
        refused(once(server, pki, client_pki.billing, path, form("reports", token=token)), "client_subject_mismatch")
        refused(once(server, pki, client_pki.reports, path, form(token=token)), "client_id_missing")
    answer = once(server, pki, client_pki.batch, "/introspect", form("batch", token=token))
    assert answer.status == 200 and answer.header("X-Client-Id") == "batch", answer
    answer = once(server, pki, client_pki.reports, "/revoke", form("reports", token="unheard-of"))
    assert answer.status == 200, answer.body


def test_errors_of_the_authorization_server(stand, pki, client_pki):
    """What it refuses itself is its own answer, untouched."""
    server, _ = stand
    answer = once(server, pki, client_pki.reports, "/token", form("reports", grant_type="password"))
    assert answer.status == 400 and json.loads(answer.body)["error"] == "unsupported_grant_type", answer.body
    assert answer.refusal is None and answer.user == "reports"


def test_other_clients_pass(stand, pki, client_pki):
    """Where clients of other methods pass, the authorization server judges their secrets; a certificate's client has only its certificate."""
    server, _ = stand
    request = {"grant_type": "client_credentials", "resource": AUDIENCE, "scope": "read"}

    def ask(body, *headers, certificate=None):
        return once(server, pki, certificate, "/token", body, *headers, host="passing.example.test")
    good = ("Authorization", "Basic " + base64.b64encode(b"legacy:a%20secret").decode())
    wrong = ("Authorization", "Basic " + base64.b64encode(b"legacy:another").decode())
    answer = ask(form(**request), good)
    assert answer.status == 200 and answer.user is None and "access_token" in json.loads(answer.body), answer.body
    answer = ask(form(**request), wrong)
    assert (answer.status, answer.refusal) == (401, None) and json.loads(answer.body)["error"] == "invalid_client"
    refused(ask(form("reports", **request)), "client_certificate_missing")
    refused(ask(form("reports", client_secret="x", **request)), "client_auth_mixed")
    assert ask(form("reports", **request), certificate=client_pki.reports).user == "reports"


def test_metadata_and_keys_are_public(stand, pki):
    """What needs no client is proxied as it is; the metadata is about this server."""
    server, issuer = stand
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path))
    metadata = json.loads(connection.request("/.well-known/oauth-authorization-server").body)
    assert metadata["issuer"] == issuer.issuer and metadata["token_endpoint"].startswith("https://localhost")
    assert "tls_client_auth" in metadata["token_endpoint_auth_methods_supported"]
    assert connection.request("/jwks").status == 200
    connection.close()


# ---- The set-up of the README, as it stands there ----

def readme_block(first, last):
    """The indented block of the README from the line that begins with `first` to the line `last`."""
    lines = textwrap.dedent(README.read_text().split(FOREWORD)[1]).splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith(first))
    end = next(number for number, line in enumerate(lines) if number > start and line.strip() == last)
    return textwrap.dedent("\n".join(lines[start:end + 1]))


@pytest.fixture
def readme(make_httpd, pki, client_pki, work):
    """Both servers as the README configures them, but for addresses, certificates and files."""
    home = work / "readme"
    home.mkdir()
    server, (port,) = make_httpd(), free_ports(1)
    origin = f"https://localhost:{server.port}"
    clients = json.loads(readme_block("[{", '"tls_client_certificate_bound_access_tokens": true}]').replace("CN=reports,O=Example Corp,C=DE", SUBJECT))

    def here(text):
        return text.replace("https://as.example.com", origin).replace("3000", str(port)).replace(
            "conf/client-ca.pem", client_pki.ca_file).replace("conf/clients.json", write_json(home / "clients.json", clients))
    said = readme_block("<VirtualHost", "</VirtualHost>").splitlines()[1:-1]
    text = here("\n".join(line for line in said if not line.strip().startswith(("ServerName", "SSLEngine", "SSLCertificate"))))
    server.configure(outgoing(pki), [Host(text, verify=None)])
    with authorization_server.running(here(readme_block("import {", "provider.listen(3000, '127.0.0.1');")), home, port):
        yield server.start(), origin
        server.stop()


def test_readme(readme, pki, client_pki):
    """What the README shows works as it says."""
    server, origin = readme
    request = {"grant_type": "client_credentials", "resource": f"{origin}/api", "scope": "read"}
    refused(once(server, pki, client_pki.impostor, "/token", form("reports", **request)), "client_untrusted")
    answer = once(server, pki, client_pki.reports, "/token", form("reports", **request))
    assert answer.status == 200, answer.body
    token = json.loads(answer.body)["access_token"]
    eventually(lambda: admitted(ask(server, pki, token, client_pki.reports), user="reports", binding="bound"))
    token_refused(ask(server, pki, token, client_pki.billing), "certificate_mismatch")
    for path in ("/token/introspection", "/TOKEN", "/Request"):
        refused(once(server, pki, client_pki.billing, path, form("reports", **request)), "client_subject_mismatch")
