"""SetHandler mtls-oauth-whoami: what the module saw of a request, for who sent it."""

import json

import pytest

from support.blocks import issuer, location
from support.expect import refused
from support.server import Host
from support.tokens import bound_to, claims, mint

ISS = "https://who.example.test"
WHOAMI = "SetHandler mtls-oauth-whoami"


@pytest.fixture(scope="module")
def server(launch, jwks):
    open_places = (f'<Location "/open">\n{WHOAMI}\nRequire all granted\n</Location>\n<Location "/either">\n{WHOAMI}\n'
                   "AuthType mTLS-OAuth\n<RequireAny>\nRequire valid-user\nRequire all granted\n</RequireAny>\n</Location>\n")
    return launch(hosts=[Host(issuer(ISS, jwks, "MTLSOAuthReportMutualTLS required", name="who") + location("/who", WHOAMI)
                              + open_places)])


def test_bound(server, connect, pki, key):
    said = claims(ISS, cnf=bound_to(pki.owner), roles=["a", "b"])
    answer = connect(server, pki.owner).request("/who", mint(key, said))
    document = json.loads(answer.body)
    assert answer.status == 200 and answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "no-store"
    assert document["claims"] == said
    assert {name: document[name] for name in ("decision", "user", "issuer", "issuer_name", "client_id", "binding",
                                              "use_mutual_tls", "reported", "key_id")} == {
        "decision": "admitted", "user": "alice", "issuer": ISS, "issuer_name": "who", "client_id": "reports",
        "binding": "bound", "use_mutual_tls": "request", "reported": None, "key_id": "k1"}
    certificate = pki.owner.certificate
    assert document["certificate"]["x5t#S256"] == pki.owner.thumbprint
    assert document["certificate"]["subject"] == certificate.subject.rfc4514_string()
    assert document["certificate"]["issuer"] == certificate.issuer.rfc4514_string()
    assert document["certificate"]["not_after"] == certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_unbound(server, connect, key):
    """No certificate; the reported policy's word is there."""
    document = json.loads(connect(server).request("/who", mint(key, claims(ISS))).body)
    assert (document["binding"], document["certificate"], document["reported"]) == ("unbound", None, "binding_missing")


def test_the_token_is_not_in_it(server, connect, key):
    token = mint(key, claims(ISS))
    assert token.split(".")[2].encode() not in connect(server).request("/who", token).body


def test_only_who_was_authenticated(server, connect, key):
    """Elsewhere it says nothing, not even to who brings a good token."""
    token = mint(key, claims(ISS))
    for path in ("/open", "/either"):
        answer = connect(server).request(path)
        assert answer.status == 403 and ISS.encode() not in answer.body, path
    assert connect(server).request("/open", token).status == 403
    refused(connect(server).request("/who", "a.b.c"), "token_malformed")


def test_not_who_was_let_pass(launch, connect, jwks):
    """A client that the back end shall authenticate is nobody here."""
    server = launch(hosts=[Host(issuer(ISS, jwks) + f'<Location "/endpoint">\n{WHOAMI}\nAuthType TLS-Client-Auth\n'
                                "MTLSOAuthOtherClients pass\nRequire valid-user\n</Location>\n")])
    answer = connect(server).request("/endpoint", headers=[("Authorization", "Basic YTpi")])
    assert answer.status == 403 and b"admitted" not in answer.body, answer


def test_methods(server, connect, key):
    token = mint(key, claims(ISS))
    assert connect(server).request("/who", token, method="HEAD").body == b""
    assert connect(server).request("/who", token, method="POST", body=b"x").status == 405
