"""A real authorization server (oidc-provider) asked by a client with tls_client_auth: opaque and JWT tokens bound to certificates, revoked there and then refused here, by two httpds."""

import time

import pytest

from support import authorization_server
from support.authorization_server import AuthorizationServer, certificate_client, secret_client, subject_client
from support.blocks import issuer, location
from support.expect import admitted, refused
from support.introspection import unavailable
from support.key_life import SOON, ask, eventually, outgoing
from support.keys import Key
from support.server import Host

pytestmark = pytest.mark.skipif(bool(authorization_server.missing()), reason=str(authorization_server.missing()))

OPAQUE, JWT = "urn:api:opaque", "urn:api:jwt"
RESOURCES = {OPAQUE: {"format": "opaque", "scope": "read write", "seconds": 600},
             JWT: {"format": "jwt", "scope": "read write", "seconds": 600}}
CACHE = 2  # seconds


@pytest.fixture(scope="module")
def gateway(pki):
    """The certificate of the httpds, by which they authenticate at the issuer."""
    return pki.client("gateway")


@pytest.fixture(scope="module")
def as_(work, pki, gateway):
    home = work / "as-introspection"
    home.mkdir()
    clients = [subject_client("reports", pki.owner), certificate_client("batch", pki.stranger), subject_client("gateway", gateway),
               secret_client("basic", "a secret & more")]
    server = AuthorizationServer(home, pki, [Key("ES256", kid="as-1")], clients, RESOURCES).start()
    yield server
    server.stop()


def asks(as_, gateway, *lines):
    """A block that is all discovery: keys and endpoint."""
    return issuer(as_.issuer, None, f'MTLSOAuthAudience "{OPAQUE}" "{JWT}"', "MTLSOAuthUseMutualTLS required", "MTLSOAuthIntrospectJWT on",
                  f"MTLSOAuthIntrospectionCache {CACHE}s", "MTLSOAuthRemoteUserClaim client_id", *lines, audience=None)


@pytest.fixture(scope="module")
def servers(launch, as_, pki, gateway):
    """Two httpds, each with a cache of its own."""
    own = ("MTLSOAuthIntrospectionClientID gateway", f'MTLSOAuthOutgoingCertificateFile "{gateway.path}"',
           f'MTLSOAuthOutgoingKeyFile "{gateway.key_path}"')
    main = outgoing(pki) + asks(as_, gateway, *own) + f"MTLSOAuthOpaqueTokenIssuer {as_.issuer}\n"
    for path in (gateway.path, gateway.key_path):
        _readable(path)
    return [launch(main, [Host(location("/api"))]) for _ in range(2)]


def _readable(path):
    from pathlib import Path
    Path(path).chmod(0o644)


@pytest.mark.parametrize("resource", [OPAQUE, JWT])
def test_bound_tokens(servers, as_, pki, resource):
    """They work with their client's certificate and no other, at both; the endpoint is the one for client certificates."""
    for client, certificate in (("reports", pki.owner), ("batch", pki.stranger)):
        token = as_.token(client, certificate, resource)
        assert (token.count(".") == 2) == (resource == JWT)
        for server in servers:
            eventually(lambda token=token, server=server, certificate=certificate, client=client:
                       admitted(ask(server, pki, token, certificate), user=client, binding="bound"))
            refused(ask(server, pki, token, pki.thief), "certificate_mismatch")
            refused(ask(server, pki, token), "certificate_missing")
    asked = as_.requests("/introspect")
    assert asked and all(line["status"] == 200 and line["port"] == int(as_.mtls.rsplit(":", 1)[1]) for line in asked)


@pytest.mark.parametrize("resource", [OPAQUE, JWT])
def test_revoked(servers, as_, pki, resource):
    """Revoked at the issuer: refused by both within the time that answers are used."""
    token = as_.token("reports", pki.owner, resource)
    for server in servers:
        for _ in range(4):
            admitted(ask(server, pki, token, pki.owner), user="reports", binding="bound")
    status, _ = as_.post("/revoke", {"token": token, "client_id": "reports"}, pki.owner)
    assert status == 200
    begin = time.monotonic()
    while time.monotonic() < begin + CACHE + 1:
        time.sleep(0.1)
    for server in servers:
        for _ in range(6):
            refused(ask(server, pki, token, pki.owner), "token_inactive")


def test_jwt_with_a_bad_signature_is_shown_to_nobody(servers, as_, pki):
    token = as_.token("reports", pki.owner, JWT)
    before = len(as_.requests("/introspect"))
    for server in servers:
        refused(ask(server, pki, token[:-6] + "AAAAAA", pki.owner), "signature_invalid")
    assert len(as_.requests("/introspect")) == before


@pytest.mark.parametrize("method, lines", [
    ("client_secret_basic", ["MTLSOAuthIntrospectionClientID basic"]),
    ("self_signed_tls_client_auth", ["MTLSOAuthIntrospectionClientID batch", "MTLSOAuthIntrospectionClientAuth self_signed_tls_client_auth"]),
])
def test_other_methods(make_httpd, work, as_, pki, gateway, method, lines):
    """A secret goes to the ordinary endpoint, a self-signed certificate to the one for client certificates."""
    lines = list(lines)
    if method == "client_secret_basic":
        secret = work / "basic.secret"
        secret.write_text("a secret & more\n")
        secret.chmod(0o644)
        lines.append(f'MTLSOAuthIntrospectionClientSecretFile "{secret}"')
    else:
        lines += [f'MTLSOAuthOutgoingCertificateFile "{pki.stranger.path}"', f'MTLSOAuthOutgoingKeyFile "{pki.stranger.key_path}"']
        _readable(pki.stranger.path)
        _readable(pki.stranger.key_path)
    server = make_httpd(outgoing(pki) + asks(as_, gateway, *lines) + f"MTLSOAuthOpaqueTokenIssuer {as_.issuer}\n",
                        [Host(location("/api"))]).start()
    try:
        token = as_.token("reports", pki.owner, OPAQUE)
        eventually(lambda: admitted(ask(server, pki, token, pki.owner), user="reports", binding="bound"))
        port = as_.issuer if method == "client_secret_basic" else as_.mtls

        def went_there():
            # the authorization server writes down what it has answered a moment later
            assert as_.requests("/introspect")[-1]["port"] == int(port.rsplit(":", 1)[1])
        eventually(went_there)
    finally:
        server.stop()


def test_outage(servers, as_, pki):
    """The issuer hangs: what is known goes on until its end, what is new is told to come back; then all is well again."""
    old, new = as_.token("reports", pki.owner, OPAQUE), as_.token("reports", pki.owner, OPAQUE)
    server = servers[0]
    for _ in range(6):
        admitted(ask(server, pki, old, pki.owner), user="reports", binding="bound")
    as_.hang()
    try:
        begin = time.monotonic()
        admitted(ask(server, pki, old, pki.owner), user="reports", binding="bound")
        assert time.monotonic() - begin < 1
        unavailable(ask(server, pki, new, pki.owner))
        assert time.monotonic() - begin < 4
    finally:
        as_.resume()
    eventually(lambda: admitted(ask(server, pki, new, pki.owner), user="reports", binding="bound"), SOON + 5)
