"""TLS that ends at a proxy: who is trusted to say which certificate the client has, and how it is read."""

import base64
from urllib.parse import quote

import pytest

from support.blocks import issuer, location
from support.client import Connection
from support.expect import admitted, refused
from support.http2 import Stream, fetch
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://proxied.example.test"
TRUST = "MTLSOAuthTrustedProxy 127.0.0.1 192.0.2.0/24\n"


def rfc9440(certificate):
    return f":{base64.b64encode(certificate.der).decode()}:"


def pem(certificate):
    return certificate.pem.strip().replace("\n", " ")


FORMATS = {
    "rfc9440": rfc9440,
    "pem": pem,
    "pem-urlencoded": lambda certificate: quote(certificate.pem, safe=""),
    "der-base64": lambda certificate: base64.b64encode(certificate.der).decode(),
}


def site(jwks, form="rfc9440"):
    return (issuer(ISSUER, jwks) + location("/api") + location("/bound", require="oauth-bound")
            + f'MTLSOAuthClientCertHeader Client-Cert {form}\nAlias "/bound" "{{root}}/api"\n')


@pytest.fixture(scope="module")
def server(launch, jwks):
    """Each format is a virtual host in clear text; beside them TLS, and one that does not trust the proxy."""
    hosts = [Host(TRUST + site(jwks, form), name=f"{form}.example.test", tls=False) for form in FORMATS]
    hosts.append(Host(TRUST + site(jwks), name="tls.example.test"))
    hosts.append(Host("MTLSOAuthTrustedProxy 192.0.2.0/24\n" + site(jwks), name="others.example.test"))
    hosts.append(Host("MTLSOAuthTrustedProxy 192.0.2.0/24\n" + site(jwks), name="clear.example.test", tls=False))
    hosts.append(Host(TRUST + "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n" + site(jwks),
                      name="real.example.test", tls=False))
    hosts.append(Host("MTLSOAuthTrustedProxy 192.0.2.0/24\nRemoteIPHeader X-Forwarded-For\n"
                      "RemoteIPInternalProxy 127.0.0.1\n" + site(jwks), name="forged.example.test"))
    return launch(hosts=hosts, more=["remoteip"])


@pytest.fixture
def ask(server, pki, key):
    """A request of a proxy, with a token bound to the owner's certificate and a value for Client-Cert."""
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))

    def send(host, *values, path="/api/secret.txt", headers=(), bearer=token):
        connection = Connection(server.plain_port, f"{host}.example.test")
        answer = connection.request(path, bearer, headers=[("Client-Cert", value) for value in values] + list(headers))
        connection.close()
        return answer
    return send


@pytest.mark.parametrize("form", FORMATS)
def test_format(ask, pki, form):
    """In each format the certificate is the client's; another one, or none, is refused like on a TLS connection."""
    write = FORMATS[form]
    answer = ask(form, write(pki.owner))
    admitted(answer, binding="bound-forwarded")
    assert answer.header("X-Cert-Thumbprint") == pki.owner.thumbprint
    refused(ask(form, write(pki.thief)), "certificate_mismatch", realm=f"{form}.example.test")
    refused(ask(form), "certificate_missing", realm=f"{form}.example.test")
    refused(ask(form, ""), "certificate_missing", realm=f"{form}.example.test")
    admitted(ask(form, write(pki.owner), path="/bound/secret.txt"), binding="bound-forwarded")


def test_malformed(ask, pki, key, server):
    """Anything but one certificate in the configured format is 400, also for a token that is not bound."""
    good = rfc9440(pki.owner)
    free = mint(key, claims(ISSUER))
    for values in ((good, good), (good, ""), (f"{good}, {good}",), (good[:-1],), (good[1:-1],), (pem(pki.owner),),
                   ("(null)",), (good + ";x=1",), (f":{'A' * 40000}:",)):
        answer = ask("rfc9440", *values)
        assert (answer.status, answer.refusal) == (400, "request_malformed"), values
        assert ask("rfc9440", *values, bearer=free).status == 400
    server.new_lines()
    ask("rfc9440", good, good)
    assert "occurs twice" in " ".join(server.refusals())
    admitted(ask("rfc9440", good, bearer=free))


def test_other_spellings_do_not_count(ask, pki):
    """Only the name as configured is read, whatever a client slips past its proxy."""
    for name in ("Client_Cert", "Client.Cert", "X-Client-Cert"):
        refused(ask("rfc9440", headers=[(name, rfc9440(pki.owner))]), "certificate_missing",
                realm="rfc9440.example.test")
    admitted(ask("rfc9440", rfc9440(pki.owner), headers=[("Client_Cert", rfc9440(pki.thief))]),
             binding="bound-forwarded")


def test_untrusted_peer(ask, server, connect, pki, key):
    """From anybody else the header is nothing: the connection's own certificate counts, and clear text is refused."""
    answer = ask("clear", rfc9440(pki.owner))
    refused(answer, "tls_required", realm="clear.example.test")
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    header = [("Client-Cert", rfc9440(pki.owner))]
    for host in ("others.example.test", "forged.example.test"):
        refused(connect(server, pki.thief, host=host).request("/api/secret.txt", token, headers=header),
                "certificate_mismatch", realm=host)
        refused(connect(server, host=host).request("/api/secret.txt", token, headers=header), "certificate_missing",
                realm=host)
        admitted(connect(server, pki.owner, host=host).request("/api/secret.txt", token), binding="bound")


def test_peer_is_the_tcp_peer(ask, server, connect, pki, key):
    """mod_remoteip's idea of the client neither makes a peer trusted nor untrusted."""
    answer = ask("real", rfc9440(pki.owner), headers=[("X-Forwarded-For", "203.0.113.9")])
    admitted(answer, binding="bound-forwarded")
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    answer = connect(server, pki.thief, host="forged.example.test").request(
        "/api/secret.txt", token, headers=[("X-Forwarded-For", "192.0.2.1"), ("Client-Cert", rfc9440(pki.owner))])
    refused(answer, "certificate_mismatch", realm="forged.example.test")


def test_certificate_of_the_proxy(server, connect, pki, key):
    """The proxy's own certificate, on its own TLS connection, is not its client's."""
    proxy = connect(server, pki.owner, host="tls.example.test")
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    refused(proxy.request("/api/secret.txt", token), "certificate_missing", realm="tls.example.test")
    answer = proxy.request("/api/secret.txt", token, headers=[("Client-Cert", rfc9440(pki.owner))])
    admitted(answer, binding="bound-forwarded")


def test_kept_across_internal_requests(launch, connect, jwks, pki, key):
    """The header is stripped at once, and still known to index files, subrequests and error documents."""
    text = (TRUST + site(jwks) + 'DirectoryIndex index.html\n<Directory "{root}">\nOptions +Includes\n'
            "AddType text/html .shtml\nAddOutputFilter INCLUDES .shtml\n</Directory>\nErrorDocument 404 /api/secret.txt\n"
            'Header always set X-Sent "expr=%{HTTP:Client-Cert}"\n')
    server = launch(hosts=[Host(text, tls=False)], files={
        "api/secret.txt": "the secret\n", "api/index.html": "the secret\n",
        "page.shtml": '<!--#include virtual="/api/secret.txt" -->'})
    connection = Connection(server.plain_port, "localhost")
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    header = [("Client-Cert", rfc9440(pki.owner))]
    for path in ("/api/", "/page.shtml", "/nothing"):
        answer = connection.request(path, token, headers=header)
        assert b"the secret" in answer.body and not answer.header("X-Sent"), path
        assert b"the secret" not in connection.request(path, token).body


def test_httpd_in_front(launch, server, connect, pki, key):
    """An httpd as the proxy, with nothing but its own modules: the client's certificate, or none, comes through."""
    front = launch(hosts=[Host('RequestHeader set Client-Cert "%{SSL_CLIENT_CERT}s"\nProxyPreserveHost on\n'
                               f'ProxyPass "/" "http://127.0.0.1:{server.plain_port}/"\n', name="pem.example.test")])
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))

    def ask(certificate, bearer=token):
        return connect(front, certificate, host="pem.example.test").request(
            "/api/secret.txt", bearer, headers=[("Client-Cert", pem(pki.owner))])
    assert ask(pki.owner).body == b"the secret\n"
    for certificate in (pki.thief, pki.stranger, None):
        assert ask(certificate).status == 401
    assert ask(None, mint(key, claims(ISSUER))).status == 200


def test_http2(launch, jwks, pki, key, tmp_path):
    """Streams of one connection are requests of different clients: each has the certificate in its own header."""
    server = launch(hosts=[Host(TRUST + site(jwks) + "MTLSOAuthResource https://api.example.com\n")], without=())
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    rows = [((), 401), ((pki.owner,), 200), ((pki.thief,), 401), ((pki.owner, pki.owner), 400), ((pki.owner,), 200)]
    streams = [Stream("/api/secret.txt", token, tuple(("Client-Cert", rfc9440(one)) for one in shown))
               for shown, _ in rows] + [Stream("/.well-known/oauth-protected-resource")]
    answers, connections = fetch(tmp_path, pki.authority.path, server.port, "localhost", streams, pki.owner)
    assert [answer.status for answer in answers] == [status for _, status in rows] + [200] and connections == 1
    assert answers[1].binding == "bound-forwarded"


def test_client_authentication(launch, jwks, pki, back):
    """AuthType TLS-Client-Auth takes the certificate from the same place."""
    text = (TRUST + "MTLSOAuthClientCertHeader X-SSL-Cert pem\n"
            f'<MTLSOAuthClient app>\nMTLSOAuthClientCertificateFile "{pki.owner.path}"\n</MTLSOAuthClient>\n'
            '<Location "/token">\nAuthType TLS-Client-Auth\nRequire valid-user\n</Location>\n'
            f'ProxyPass "/token" "http://127.0.0.1:{back.port}/token"\n')
    server = launch(hosts=[Host(text, tls=False)])
    connection = Connection(server.plain_port, "localhost")

    def post(*values):
        return connection.request("/token", method="POST", body=b"client_id=app&grant_type=client_credentials", headers=[
            ("Content-Type", "application/x-www-form-urlencoded"), *(("X-SSL-Cert", value) for value in values)])
    assert post(pem(pki.owner)).status == 200
    assert back.take()[0].header("X-SSL-Cert") is None
    assert post(pem(pki.thief)).status == 401
    assert post().status == 401
    answer = post(pem(pki.owner), pem(pki.owner))
    assert answer.status == 400 and b'"error":"invalid_request"' in answer.body
    assert not back.take()


CONFIGTEST = [
    ("MTLSOAuthClientCertHeader Client-Cert rfc9440", ["MTLSOAuthTrustedProxy"]),
    ("MTLSOAuthTrustedProxy off\nMTLSOAuthClientCertHeader Client-Cert rfc9440", ["MTLSOAuthTrustedProxy"]),
    (TRUST + "MTLSOAuthClientCertHeader Client-Cert", ["Client-Cert", "rfc9440"]),
    (TRUST + "MTLSOAuthClientCertHeader Client-Cert xml", ["xml", "rfc9440"]),
    (TRUST + "MTLSOAuthClientCertHeader Client_Cert pem", ["Client_Cert"]),
    (TRUST + "MTLSOAuthClientCertHeader Host pem", ["Host"]),
    (TRUST + "MTLSOAuthClientCertHeader A pem\nMTLSOAuthClientCertHeader B pem", ["twice"]),
    (TRUST + TRUST, ["MTLSOAuthTrustedProxy", "twice"]),
    ("MTLSOAuthTrustedProxy", ["MTLSOAuthTrustedProxy"]), ("MTLSOAuthTrustedProxy proxy.example.test", ["proxy.ex"]),
    ("MTLSOAuthTrustedProxy 10.0.0.0/33", ["10.0.0.0/33"]), ("MTLSOAuthTrustedProxy 0.0.0.0/0", ["everybody"]),
    ("MTLSOAuthTrustedProxy ::/0", ["everybody"]), ("MTLSOAuthTrustedProxy 0.0.0.0/0.0.0.0", ["everybody"]),
    # beginnings of addresses, of which a network would be made
    *((f"MTLSOAuthTrustedProxy 127.0.0.1 {word}", ["MTLSOAuthTrustedProxy", word, "whole"])
      for word in ("192.0.2", "192.0.2.", "10.1", "10", "10/8", "10.1/16", "192.0.2/24", "2001:db8", "2001:db8/32", "/8")),
    ('<Location "/x">\n' + TRUST + "</Location>", ["MTLSOAuthTrustedProxy"]),
]


@pytest.mark.parametrize("lines, words", CONFIGTEST, ids=[lines for lines, _ in CONFIGTEST])
def test_configtest(make_httpd, jwks, lines, words):
    code, said = make_httpd(hosts=[Host(issuer(ISSUER, jwks) + location("/api") + lines)]).configtest()
    assert code != 0 and all(word in said for word in words), said


def test_inherited_and_shown(make_httpd, jwks):
    """A virtual host takes both from the main server or switches them off; the dump shows what holds."""
    main = TRUST + "MTLSOAuthClientCertHeader Client-Cert rfc9440\n"
    off = "MTLSOAuthTrustedProxy off\nMTLSOAuthClientCertHeader off\n"
    server = make_httpd(main=main, hosts=[Host(issuer(ISSUER, jwks) + location("/api"), tls=False),
                                          Host(off + issuer(ISSUER, jwks), name="b.example.test")])
    code, said = server.configtest("DUMP_MTLS_OAUTH")
    assert code == 0, said
    assert said.count("MTLSOAuthTrustedProxy 127.0.0.1 192.0.2.0/24\n") == 2
    assert said.count("MTLSOAuthClientCertHeader Client-Cert rfc9440\n") == 2
    assert said.count("# stripped from every request: Client-Cert Client-Cert-Chain\n") == 3, said
    assert "tls_required" not in said and "SSLVerifyClient" not in said
