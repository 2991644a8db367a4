"""RFC 9728: what a resource says of itself, to whoever asks, and where a challenge says to look."""

import json

import pytest

from support.blocks import issuer, location
from support.expect import refused
from support.server import Host
from support.tokens import claims, mint

ALPHA, BETA = "https://alpha.example.test", "https://beta.example.test"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
API = "https://api.example.com"

SITE = f"""
MTLSOAuthResource {API}
MTLSOAuthResourceName "The \\"API\\" für alle"
MTLSOAuthResourceDocumentation https://docs.example.com/api
MTLSOAuthResourcePolicyURI https://example.com/policy?v=1
MTLSOAuthResourceScopes read write
Header always set Strict-Transport-Security max-age=1
<Location "/files">
    MTLSOAuthResourceScopes files
    MTLSOAuthResource {API}/files
    MTLSOAuthAcceptIssuers beta
    MTLSOAuthTokenSource cookie:at
    MTLSOAuthUseMutualTLS required
</Location>
<Location "/about">
    SetHandler mtls-oauth-metadata
    AuthType None
    Require all granted
</Location>
<Location "/files/about">
    SetHandler mtls-oauth-metadata
    AuthType None
    Require all granted
</Location>
<Location "/scope">
    Require oauth-scope admin
</Location>
"""


@pytest.fixture(scope="module")
def server(launch, jwks, back):
    """Everything is protected and belongs to the back end."""
    text = (issuer(ALPHA, jwks, "MTLSOAuthAlgorithms ES256 PS256") +
            issuer(BETA, jwks, "MTLSOAuthAlgorithms ES256", "MTLSOAuthRemoteUserSuffix @b", name="beta")
            + location("/") + SITE + 'ProxyPass "/about" "!"\nProxyPass "/files/about" "!"\n'
            + f'ProxyPass "/" "http://127.0.0.1:{back.port}/"\n')
    other = issuer(ALPHA, jwks) + location("/") + "MTLSOAuthResource https://other.example.com/\n"
    bare = issuer(ALPHA, jwks, "MTLSOAuthUseMutualTLS none") + location("/")
    main = '<Location "/shared">\nMTLSOAuthResource https://shared.example.com/shared\n</Location>\n'
    return launch(main=main, hosts=[Host(text), Host(other, name="other.example.test"),
                                    Host(bare, name="bare.example.test")])


def document(answer):
    assert (answer.status, answer.header("Content-Type")) == (200, "application/json"), answer
    assert answer.challenge is None and answer.refusal is None
    return json.loads(answer.body)


def test_document(server, connect, back):
    """Published without a token, before the proxy, from the configuration alone."""
    back.take()
    answer = connect(server).request(WELL_KNOWN)
    assert document(answer) == {
        "resource": API, "authorization_servers": [ALPHA, BETA], "scopes_supported": ["read", "write"],
        "bearer_methods_supported": ["header"], "tls_client_certificate_bound_access_tokens": True,
        "access_token_signing_alg_values_supported": ["PS256", "ES256"],
        "resource_name": 'The "API" für alle', "resource_documentation": "https://docs.example.com/api",
        "resource_policy_uri": "https://example.com/policy?v=1"}
    assert answer.header("Strict-Transport-Security") == "max-age=1"
    assert document(connect(server).request(WELL_KNOWN + "?x=1")) and not back.take()


def test_resource_of_a_location(server, connect):
    """A Location has a document of its own under its path, with what holds there."""
    assert document(connect(server).request(WELL_KNOWN + "/files")) == {
        "resource": API + "/files", "authorization_servers": [BETA], "scopes_supported": ["files"],
        "bearer_methods_supported": [], "tls_client_certificate_bound_access_tokens": True,
        "access_token_signing_alg_values_supported": ["ES256"]}


def test_methods(server, connect):
    get = connect(server).request(WELL_KNOWN)
    head = connect(server).request(WELL_KNOWN, method="HEAD")
    assert (head.status, head.body) == (200, b"") and head.header("Content-Length") == get.header("Content-Length")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = connect(server).request(WELL_KNOWN, method=method, body=b"x=1" if method == "POST" else b"")
        assert answer.status == 405 and "GET" in answer.header("Allow"), method
    assert connect(server).request(WELL_KNOWN, "junk").status == 200


@pytest.mark.parametrize("path", ["/.well-known/oauth-protected-resource/", "/.well-known//oauth-protected-resource",
                                  "/.well-known/oauth-protected-resourcex", "/x/../.well-known/oauth-protected-resource",
                                  "/.well-known/oauth%2Dprotected-resource", WELL_KNOWN + "/nothing"])
def test_other_paths_are_protected(server, connect, back, path):
    """The exemption is for the exact path; every other spelling needs a token."""
    back.take()
    assert connect(server).request(path).status in (401, 400)
    assert not back.take()


def test_servers_have_their_own(server, connect):
    """A virtual host publishes its own and what Locations of the main server have, never a neighbour's."""
    other = connect(server, host="other.example.test")
    assert document(other.request(WELL_KNOWN))["resource"] == "https://other.example.com/"
    assert document(other.request(WELL_KNOWN + "/shared"))["resource"] == "https://shared.example.com/shared"
    assert other.request(WELL_KNOWN + "/files").status == 401
    bare = connect(server, host="bare.example.test")
    assert bare.request(WELL_KNOWN).status == 401
    assert document(bare.request(WELL_KNOWN + "/shared"))["tls_client_certificate_bound_access_tokens"] is False


def test_handler(server, connect):
    """SetHandler shows the document of its place at any path."""
    assert document(connect(server).request("/about"))["resource"] == API
    assert document(connect(server).request("/files/about"))["resource"] == API + "/files"
    assert connect(server).request("/about", method="POST").status == 405


def test_challenge(server, connect, key):
    """RFC 9728 section 5.1: every Bearer challenge names the document of its place."""
    url = f'resource_metadata="{API}{WELL_KNOWN}"'
    answer = connect(server).request("/x")
    refused(answer, "no_token")
    assert answer.challenge == f'Bearer realm="localhost", {url}'
    answer = connect(server).request("/x", "a.b.c")
    refused(answer, "token_malformed")
    assert answer.challenge.endswith(f", {url}")
    answer = connect(server).request("/scope/x", mint(key, claims(ALPHA)))
    refused(answer, "scope_insufficient")
    assert answer.challenge.endswith(f', scope="admin", {url}')
    answer = connect(server).request("/files/x")
    assert answer.challenge == f'Bearer realm="localhost", resource_metadata="{API}{WELL_KNOWN}/files"'
    assert "resource_metadata" not in connect(server, host="bare.example.test").request("/x").challenge
    assert connect(server).request("/x", mint(key, claims(ALPHA))).status == 200


RESOURCE = f"MTLSOAuthResource {API}\n"

CONFIGTEST = [
    ("MTLSOAuthResource", ["MTLSOAuthResource"]), ("MTLSOAuthResource http://api.example.com", ["http://api"]),
    (f"MTLSOAuthResource {API}/x#y", ["#y"]), (f"MTLSOAuthResource {API}?x", ["?x"]),
    ("MTLSOAuthResource https:///x", ["https:///x"]), (f'MTLSOAuthResource "{API}/a b"', ["a b"]),
    (RESOURCE + RESOURCE, ["twice"]), ("MTLSOAuthResourceName x", ["without MTLSOAuthResource"]),
    (RESOURCE + "MTLSOAuthResourceDocumentation javascript:alert(1)", ["javascript"]),
    (RESOURCE + "MTLSOAuthResourcePolicyURI /policy", ["/policy"]), (RESOURCE + "MTLSOAuthResourceScopes", ["Scopes"]),
    (RESOURCE + "MTLSOAuthResourceScopes a a", ["twice"]), (RESOURCE + "MTLSOAuthResourceName", ["ResourceName"]),
    (RESOURCE + "MTLSOAuthResourceName a b", ["a"]),
    (RESOURCE + f'<Location "/x">\nMTLSOAuthResource {API}/\n</Location>', ["published"]),
]


@pytest.mark.parametrize("lines, words", CONFIGTEST, ids=[lines for lines, _ in CONFIGTEST])
def test_configtest(make_httpd, jwks, lines, words):
    code, said = make_httpd(hosts=[Host(issuer(ALPHA, jwks) + location("/api") + lines)]).configtest()
    assert code != 0 and all(word in said for word in ["MTLSOAuthResource", *words]), said


def test_dump(make_httpd, jwks):
    code, said = make_httpd(hosts=[Host(issuer(ALPHA, jwks) + location("/api") + RESOURCE)]).configtest(
        "DUMP_MTLS_OAUTH")
    assert code == 0 and f"MTLSOAuthResource {API}\n    # published at {WELL_KNOWN}\n" in said
