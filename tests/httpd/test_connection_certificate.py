"""The certificate of a connection that changes while it lives: only what the client has proven counts, from the next
request on (RFC 8705 section 7, STANDARDS section 3)."""

import ssl

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support import http2
from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.expect import admitted, refused
from support.http2 import Stream
from support.key_life import eventually
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://tls.example.test"
PATH, LATE = "/api/secret.txt", "/late/secret.txt"
BY_TEXT = "certificate read from SSL_CLIENT_CERT"

# Locations that ask for a certificate, and an error page that is protected by this module
TEXT = ('Alias "/late" "{root}/api"\n<Location "/late">\nSSLVerifyClient require\n</Location>\n' + location("/late")
        + location("/api") + 'ErrorDocument 403 /api/secret.txt\n')


@pytest.fixture(scope="module")
def text(jwks):
    return issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS required") + TEXT


@pytest.fixture(scope="module", params=["first", "last"])
def server(request, launch, text):
    """Loaded before all other modules, and after them."""
    return launch("StartServers 1\n", [Host(text), Host(text, name="late.example.test", verify="none")], level="trace1",
                  ours=request.param)


@pytest.fixture
def tokens(pki, key):
    return {"owner": mint(key, claims(ISSUER, cnf=bound_to(pki.owner))),
            "thief": mint(key, claims(ISSUER, cnf=bound_to(pki.thief)))}


def test_replaced_by_renegotiation(server, pki, tokens):
    """TLS 1.2: A becomes B, and A again; what the connection once had counts no more."""
    contexts = {name: tls_context(pki.authority.path, certificate, "1.2")
                for name, certificate in (("owner", pki.owner), ("thief", pki.thief))}
    connection = Connection(server.port, "localhost", contexts["owner"])
    admitted(connection.request(PATH, tokens["owner"]), binding="bound")
    for now, before in (("thief", "owner"), ("owner", "thief"), ("thief", "owner")):
        connection.tls.context = contexts[now]
        answer = connection.request(LATE, tokens[now])
        admitted(answer, binding="bound")
        assert answer.header("X-Cert-Thumbprint") == getattr(pki, now).thumbprint
        refused(connection.request(PATH, tokens[before]), "certificate_mismatch")
        admitted(connection.request(PATH, tokens[now]), binding="bound")
    assert connection.opened == 1
    connection.close()


def test_added_after_the_handshake(server, pki, tokens):
    """TLS 1.3: none becomes A."""
    connection = Connection(server.port, "late.example.test", tls_context(pki.authority.path, pki.owner, "1.3"))
    for _ in range(2):
        refused(connection.request(PATH, tokens["owner"]), "certificate_missing", realm="late.example.test")
    admitted(connection.request(LATE, tokens["owner"]), binding="bound")
    admitted(connection.request(PATH, tokens["owner"]), binding="bound")
    refused(connection.request(PATH, tokens["thief"]), "certificate_mismatch", realm="late.example.test")
    assert connection.opened == 1
    connection.close()


class Pretender:
    """The owner's certificate, which is public, with a key that is not its: the file of the latter says otherwise."""

    def __init__(self, directory, owner):
        numbers = owner.key.private_numbers()
        false = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        der = owner.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL,
                                      serialization.NoEncryption())
        true = numbers.private_value.to_bytes(32, "big")
        assert der.count(true) == 1
        self.path = owner.path
        self.key_path = str(directory / "pretender.key")
        body = ssl.DER_cert_to_PEM_cert(der.replace(true, false.to_bytes(32, "big")))
        with open(self.key_path, "w", encoding="ascii") as file:
            file.write(body.replace("CERTIFICATE", "EC PRIVATE KEY"))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_unproven_certificate(server, pki, tokens, work, version):
    """A client that shows a certificate without its key: the handshake fails, and the error page of the 403 that this
    ends in (TLS 1.3), asked for on that same connection, has no certificate, though OpenSSL would show it."""
    context = tls_context(pki.authority.path, Pretender(work, pki.owner), version)
    server.new_lines()
    connection = Connection(server.port, "late.example.test", context)
    refused(connection.request(PATH, tokens["owner"]), "certificate_missing", realm="late.example.test")
    try:
        answer = connection.request(LATE, tokens["owner"])
        assert answer.status in (401, 403) and b"the secret" not in answer.body, answer
    except (OSError, EOFError):
        pass
    connection.close()
    lines = server.new_lines()

    def refusals():
        lines.extend(server.new_lines())
        found = [line for line in lines if " refused " in line]
        assert len(found) == (2 if version == "1.3" else 1), lines
        return found
    # the connection may end before the line of the error page is written
    assert all(" refused certificate_missing " in line for line in eventually(refusals)), lines


def test_taken_from_the_connection(server, launch, pki, text, tokens):
    """Never by way of text, wherever this module stands among the LoadModule lines."""
    for certificate, host in ((pki.owner, "localhost"), (None, "localhost"), (pki.owner, "late.example.test")):
        connection = Connection(server.port, host, tls_context(pki.authority.path, certificate))
        for _ in range(3):
            connection.request(PATH, tokens["owner"])
        connection.close()
    assert not any(BY_TEXT in line for line in server.lines())


def test_back_end_is_not_the_client(launch, pki, jwks, key, work):
    """A connection to a back end, on which this server is the client, says nothing about who asked."""
    back = launch(hosts=[Host(issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS required") + location("/api"))])
    (work / "machine.pem").write_text(pki.owner.pem + open(pki.owner.key_path, encoding="ascii").read())
    front = launch(hosts=[Host(f"""{issuer(ISSUER, jwks)}
SSLProxyEngine on
SSLProxyMachineCertificateFile "{work}/machine.pem"
SSLProxyCACertificateFile "{pki.authority.path}"
ProxyPass "/api" "https://localhost:{back.port}/api"
ProxyPass "/open" "https://localhost:{back.port}/api"
{location("/api")}""")])
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    for _ in range(2):
        for certificate, refusal in ((None, "certificate_missing"), (pki.thief, "certificate_mismatch")):
            connection = Connection(front.port, "localhost", tls_context(pki.authority.path, certificate))
            assert connection.request("/open/secret.txt", token).status == 200
            refused(connection.request(PATH, token), refusal)
            connection.close()


def test_parallel_streams_find_the_certificate(launch, pki, text, tokens):
    """The first streams of a connection, which run side by side, find its certificate at the same time."""
    server = launch("StartServers 1\nH2MinWorkers 16\n", hosts=[Host(text)], without=())
    for _ in range(10):
        order = ["owner", "thief"] * 12
        answers, connections = http2.fetch(server.directory, pki.authority.path, server.port, "localhost",
                                           [Stream(PATH, tokens[whose]) for whose in order], pki.owner)
        assert connections == 1
        for whose, answer in zip(order, answers):
            if whose == "owner":
                admitted(answer, binding="bound")
            else:
                refused(answer, "certificate_mismatch")
