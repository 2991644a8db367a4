"""MTLSOAuthForwardClientCert: the back end learns of the certificate from this server, and from nobody else (RFC 9440)."""

import base64

import pytest

from support import http2
from support.blocks import issuer, location
from support.client import Connection
from support.client_pki import SUBJECT
from support.clients import FORM_TYPE, by_name, endpoint, form, post, section
from support.http2 import Stream
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://forward.example.test"


@pytest.fixture(scope="module")
def people(client_pki):
    deep = client_pki.authority("forward-deep", client_pki.issuing)
    return {"reports": client_pki.reports, "by root": client_pki.client("forward-by-root", SUBJECT, issuer=client_pki.root),
            "deep": client_pki.client("forward-leaf", SUBJECT, issuer=deep), "batch": client_pki.batch, "deep CA": deep}


@pytest.fixture(scope="module")
def server(launch, client_pki, people, back, jwks):
    pki = client_pki
    ca = pki.bundle("forward-ca", people["deep CA"], pki.root, pki.issuing)
    alone = pki.bundle("forward-issuing", pki.issuing)
    text = (f'MTLSOAuthClientCACertificateFile "{ca}"\n' + by_name("reports", "dn", SUBJECT)
            + by_name("alone", "dn", SUBJECT, f'MTLSOAuthClientCACertificateFile "{alone}"')
            + section("batch", f'MTLSOAuthClientCertificateFile "{pki.batch.path}"') + issuer(ISSUER, jwks)
            + endpoint("/token") + endpoint("/open", "MTLSOAuthOtherClients pass") + location("/api")
            + f'ProxyPass "/" "http://127.0.0.1:{back.port}/"\n')
    forward = "MTLSOAuthForwardClientCert %s\n"
    return launch(forward % "Client-Cert", hosts=[
        Host(text), Host(forward % "off" + text, name="off.example.test"), Host(forward % "X-SSL-Cert" + text, name="named.example.test"),
        Host(text, tls=False)], without=())


@pytest.fixture
def send(server, connect, back):
    """The requests that reach the back end."""
    def request(method, path, certificate=None, *headers, host="localhost", token=None, body=b""):
        back.take()
        answer = connect(server, certificate, host=host).request(path, token, method, headers, body)
        return answer, back.take()
    return request


def byte_sequence(certificate):
    """RFC 8941 section 3.3.5."""
    return ":" + base64.b64encode(certificate.der).decode() + ":"


def as_form(*headers):
    return (("Content-Type", FORM_TYPE), *headers)


CHAINS = [("reports", "reports", ["issuing"]), ("reports", "by root", []), ("reports", "deep", ["deep CA", "issuing"]),
          ("alone", "reports", ["issuing"]), ("batch", "batch", [])]


@pytest.mark.parametrize("client, shown, above", CHAINS)
def test_client(send, client_pki, people, client, shown, above):
    """Section 2.2 and 2.3: the leaf, and the chain up to the anchor, which is left out when it is self-signed."""
    answer, (seen,) = send("POST", "/token", people[shown], *as_form(), body=form(client))
    assert answer.status == 200 and seen.body == form(client)
    assert seen.all("Client-Cert") == [byte_sequence(people[shown])]
    chain = [people[label] if label in people else getattr(client_pki, label) for label in above]
    assert seen.all("Client-Cert-Chain") == ([", ".join(map(byte_sequence, chain))] if chain else [])


def test_bound_token(send, pki, client_pki, key):
    """An access token's certificate as well, whether the token is bound or not; there is no chain that was verified."""
    for certificate in (pki.owner, client_pki.batch):
        for cnf in ({"cnf": bound_to(certificate)}, {}):
            answer, (seen,) = send("GET", "/api", certificate, token=mint(key, claims(ISSUER, **cnf)))
            assert answer.status == 200
            assert (seen.all("Client-Cert"), seen.all("Client-Cert-Chain")) == ([byte_sequence(certificate)], [])
    _, (seen,) = send("GET", "/api", None, token=mint(key, claims(ISSUER)))
    assert not told(seen)


def test_chain_of_a_bound_token(launch, connect, back, client_pki, jwks, key):
    """With MTLSOAuthBindingCACertificateFile a chain was verified too; of a self-signed certificate none."""
    text = (issuer(ISSUER, jwks, f'MTLSOAuthBindingCACertificateFile "{client_pki.ca_file}"') + location("/api")
            + f'MTLSOAuthForwardClientCert Client-Cert\nProxyPass "/" "http://127.0.0.1:{back.port}/"\n')
    server = launch(hosts=[Host(text)])
    back.take()
    token = mint(key, claims(ISSUER, cnf=bound_to(client_pki.reports)))
    assert connect(server, client_pki.reports).request("/api", token).status == 200
    (seen,) = back.take()
    assert seen.all("Client-Cert") == [byte_sequence(client_pki.reports)]
    assert seen.header("Client-Cert-Chain") in (None, byte_sequence(client_pki.issuing))


def told(seen):
    """Everything in a request that a back end could take for a certificate from us."""
    def plain(name):
        return "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return [(name, value) for name, value in seen.headers if plain(name) in ("client-cert", "client-cert-chain")]


FORGED = ":Zm9yZ2Vk:"
SPELLINGS = ["Client-Cert", "client-cert", "CLIENT-CERT", "Client_Cert", "client_cert", "CLIENT_CERT", "client.cert", "Client~Cert",
             "client!cert", "Client-Cert-Chain", "client_cert_chain", "Client_Cert-Chain", "CLIENT.CERT.CHAIN"]
REQUESTS = [("GET", "/public", None), ("GET", "/api", "token"), ("POST", "/token", "form"), ("POST", "/open", "other"),
            ("OPTIONS", "/public", None), ("HEAD", "/public", None), ("GET", "/open", "basic")]


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: " ".join(map(str, kind)))
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_copies_from_outside(send, people, key, kind, spelling):
    """H3: removed in every spelling from every request, authenticated or not; ours are there once."""
    method, path, means = kind
    headers = [(spelling, FORGED), ("X-Kept", "1"), (spelling, FORGED + "2")]
    body, token, certificate = b"", None, people["reports"]
    if means in ("form", "other"):
        headers, body = list(as_form(*headers)), form("reports" if means == "form" else "nobody")
    if means == "token":
        token = mint(key, claims(ISSUER))
    if means == "basic":
        headers.append(("Authorization", "Basic bm9ib2R5Ong="))
    answer, (seen,) = send(method, path, certificate, *headers, token=token, body=body)
    assert answer.status == 200 and seen.all("X-Kept") == ["1"]
    assert not any("Zm9yZ2Vk" in value for _, value in seen.headers), seen.headers
    if means in ("token", "form"):
        assert seen.all("Client-Cert") == [byte_sequence(certificate)]
        assert len(told(seen)) == (2 if means == "form" else 1), told(seen)


@pytest.mark.parametrize("value", ["Client-Cert", "client-cert, close", "close, CLIENT-CERT-CHAIN", "x, Client_Cert ,client-cert",
                                   "Client-Cert-Chain", "keep-alive,Client-Cert,Client-Cert-Chain", "client.cert"])
def test_connection_header(send, people, value):
    """Named in Connection, our headers stay all the same; what else stands there goes its way."""
    answer, (seen,) = send("POST", "/token", people["reports"], *as_form(("Connection", value), ("X", "hop")), body=form("reports"))
    assert answer.status == 200
    assert seen.all("Client-Cert") == [byte_sequence(people["reports"])] and len(seen.all("Client-Cert-Chain")) == 1
    assert ("X" in dict(seen.headers)) == ("x," not in value)


def test_two_connection_headers(send, people):
    _, (seen,) = send("POST", "/token", people["reports"], *as_form(("Connection", "keep-alive"), ("Connection", "client-cert")),
                      body=form("reports"))
    assert seen.all("Client-Cert") == [byte_sequence(people["reports"])]


def test_names_that_are_others(send):
    """The twins: headers that only look alike are nobody's business."""
    names = ["Client-Certificate", "X-Client-Cert", "Client-Cert-Chains", "ClientCert", "Client-Cer", "Client--Cert"]
    _, (seen,) = send("GET", "/public", None, *((name, "1") for name in names))
    assert [name for name in names if not seen.all(name)] == []


def test_other_names_and_off(send, people):
    """The directive names the header of each server; the main server's comes from outside in none, whatever they say."""
    for host, path, headers, wanted in (
            ("off.example.test", "/token", [], {}),
            ("off.example.test", "/public", [("Client_Cert", FORGED), ("Client-Cert-Chain", FORGED), ("X-SSL-Cert", "1")], {"X-SSL-Cert": "1"}),
            ("named.example.test", "/token", [("x_ssl_cert", FORGED), ("X-SSL-Cert-Chain", FORGED)],
             {"X-SSL-Cert": byte_sequence(people["reports"])}),
            ("named.example.test", "/public", [("Client-Cert", FORGED), ("X-Ssl-Cert", FORGED)], {})):
        _, (seen,) = send("POST", path, people["reports"], *as_form(*headers), host=host, body=form("reports"))
        found = {name: value for name, value in seen.headers if "cert" in name.lower() and "chain" not in name.lower()}
        assert {name.lower(): value for name, value in found.items()} == {name.lower(): value for name, value in wanted.items()}
        chains = [value for name, value in seen.headers if "chain" in name.lower()]
        assert FORGED not in chains and len(chains) == (host.startswith("named") and path == "/token")


def test_refused_requests_reach_nobody(send, people):
    """No back end sees them."""
    for client, shown in (("reports", "batch"), ("batch", "reports"), ("nobody", "reports")):
        answer, seen = send("POST", "/token", people[shown], *as_form(("Client-Cert", FORGED)), body=form(client))
        assert answer.status == 401 and seen == []


def test_over_clear_text(server, back):
    """Without TLS there is no certificate, whatever the request says."""
    back.take()
    plain = Connection(server.plain_port, "localhost")
    assert plain.request("/public", headers=[("Client-Cert", FORGED), ("client_cert", FORGED)]).status == 200
    assert not told(back.take()[0])


def test_over_http2(server, pki, people, back):
    """HTTP/2 the same; its streams find the certificate at their connection."""
    back.take()
    headers = as_form(("client-cert", FORGED), ("client_cert", FORGED), ("client-cert-chain", FORGED))
    streams = [Stream("/token", headers=headers, body=form("reports"))] * 3
    answers, _ = http2.fetch(server.directory, pki.authority.path, server.port, "localhost", streams, people["reports"])
    assert [answer.status for answer in answers] == [200] * 3
    for seen in back.take():
        assert seen.all("Client-Cert") == [byte_sequence(people["reports"])] and len(told(seen)) == 2


def test_trailers(server, back, people, connect):
    """A trailer cannot bring one in."""
    back.take()
    body = form("reports")
    octets = (f"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM_TYPE}\r\nTransfer-Encoding: chunked\r\nTrailer: Client-Cert\r\n\r\n"
              f"{len(body):x}\r\n{body.decode()}\r\n0\r\nClient-Cert: {FORGED}\r\nclient_cert: {FORGED}\r\n\r\n").encode()
    assert connect(server, people["reports"]).raw(octets).status == 200
    (seen,) = back.take()
    assert seen.body == body and seen.all("Client-Cert") == [byte_sequence(people["reports"])] and len(told(seen)) == 2


def test_variables_of_a_script(launch, connect, client_pki, people):
    """CGI and its like see HTTP_CLIENT_CERT: the one variable that all spellings would become."""
    files = {"public.txt": "for everyone\n", "cgi/show": "#!/bin/sh\ncat > /dev/null\nprintf 'Content-Type: text/plain\\r\\n\\r\\n%s' \"$HTTP_CLIENT_CERT\"\n"}
    text = (f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\nMTLSOAuthForwardClientCert Client-Cert\n'
            + by_name("reports", "dn", SUBJECT) + endpoint("/token") + 'ScriptAlias "/token" "{root}/cgi/show"\nScriptAlias "/public" "{root}/cgi/show"\n')
    server = launch(hosts=[Host(text)], files=files, more=("cgid",))
    (server.root / "cgi" / "show").chmod(0o755)
    connection = connect(server, people["reports"])
    for spelling in ("Client-Cert", "client_cert", "Client.Cert"):
        assert post(connection, "/token", form("reports"), (spelling, FORGED)).body.decode() == byte_sequence(people["reports"])
        assert connection.request("/public", headers=[(spelling, FORGED)]).body == b""
