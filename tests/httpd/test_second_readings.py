"""Requests that another reader reads in another way: mod_proxy, a back end, a deny list, a pattern that gives up."""

import base64
import socket
import threading

import pytest

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.client_pki import SUBJECT
from support.clients import FORM_TYPE, by_name, endpoint, post
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://readers.example.test"


@pytest.fixture(scope="module")
def server(launch, client_pki, back, jwks):
    return launch(hosts=[Host(
        f'MergeTrailers on\nMTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\nMTLSOAuthForwardClientCert Client-Cert\n'
        + by_name("reports", "dn", SUBJECT) + issuer(ISSUER, jwks) + endpoint("/token") + endpoint("/open", "MTLSOAuthOtherClients pass")
        + location("/api", "MTLSOAuthClaimHeader X-Dept dept", "MTLSOAuthClaimHeader X-Sub sub", "MTLSOAuthClaimHeader X-Nobody nobody")
        + location("/cookie", "MTLSOAuthTokenSource header cookie:tok", "MTLSOAuthForwardToken off")
        + f'ProxyPass "/" "http://127.0.0.1:{back.port}/"\n')])


@pytest.mark.parametrize("value", ["keep-alive", "X-Dept", "X-Dept;", "a;X-Dept", ";X-Dept", "close;X-Dept", "X-Dept;a=b", "X-Dept\t;",
                                   "Client-Cert;", "X-Dept;Client-Cert, X-Sub;q"])
def test_connection_deletes_no_identity(server, connect, back, pki, key, value):
    """mod_proxy takes out what Connection names, and ends a name where this module must end it, too."""
    back.take()
    token = mint(key, claims(ISSUER, dept="sales", cnf=bound_to(pki.owner)))
    assert connect(server, pki.owner).request("/api", token, headers=[("Connection", value)]).status == 200
    (seen,) = back.take()
    assert seen.all("X-Dept") == ["sales"] and seen.all("X-Sub") == ["alice"] and seen.all("Client-Cert")


def post_with_trailers(server, context, path, fields, body, trailers):
    """The answer to a chunked POST; fields and trailers are lines as they are sent."""
    connection = Connection(server.port, "localhost", context)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Transfer-Encoding: chunked\r\n\r\n"
    answer = connection.raw(f"{head}{len(body):x}\r\n{body}\r\n0\r\n{trailers}\r\n".encode(), "POST")
    connection.close()
    return answer


def bearer(key):
    return f"Authorization: Bearer {mint(key, claims(ISSUER, dept='sales'))}\r\n"


@pytest.mark.parametrize("field", ["", "Connection: keep-alive\r\n"])
@pytest.mark.parametrize("trailer", ["", "Connection: Client-Cert\r\n", "Client-Cert: :Zm9yZ2Vk:\r\n", "Connection: a;Client-Cert\r\n"])
def test_trailers_delete_no_identity(server, back, pki, client_pki, field, trailer):
    """A trailer that httpd merges comes after the headers were looked through."""
    back.take()
    answer = post_with_trailers(server, tls_context(pki.authority.path, client_pki.reports), "/token",
                                f"{field}Content-Type: {FORM_TYPE}\r\n", "client_id=reports", trailer)
    (seen,) = back.take()
    assert answer.status == 200 and len(seen.all("Client-Cert")) == 1 and "Zm9yZ2Vk" not in seen.header("Client-Cert")


@pytest.mark.parametrize("trailer", ["X-Dept: forged", "X-Nobody: forged", "X_Dept: forged", "Connection: X-Dept"])
def test_trailers_bring_no_identity(server, back, pki, key, trailer):
    """The body, and with it the trailers, may be read before the headers are handed on."""
    back.take()
    answer = post_with_trailers(server, tls_context(pki.authority.path), "/api/x", bearer(key), "abc", f"{trailer}\r\n")
    (seen,) = back.take()
    assert answer.status == 200 and seen.all("X-Dept") == ["sales"] and not seen.all("X-Nobody") and not seen.all("X_Dept"), seen


def basic(client):
    return "Basic " + base64.b64encode(f"{client}:x".encode()).decode()


@pytest.mark.parametrize("first", [[basic("nobody")], []])
@pytest.mark.parametrize("trailer", [f"Authorization: {basic('reports')}", "Content-Type: text/plain", "Content-Encoding: gzip", "Cookie: a=b",
                                     "Client-Cert: :Zm9yZ2Vk:", "Connection: Authorization"])
def test_trailers_bring_no_client(server, back, pki, first, trailer):
    """The form is read before a client is judged: what its trailers say then, the back end does not get either."""
    back.take()
    fields = "".join(f"Authorization: {value}\r\n" for value in first) + f"Content-Type: {FORM_TYPE}\r\n"
    answer = post_with_trailers(server, tls_context(pki.authority.path), "/open", fields, "client_id=nobody", f"{trailer}\r\nX-Other: fine\r\n")
    assert answer.status == 200, answer
    (seen,) = back.take()
    assert seen.body == b"client_id=nobody" and seen.all("X-Other") == ["fine"]
    assert (seen.all("Authorization"), seen.all("Content-Type")) == (first, [FORM_TYPE])
    assert not any(seen.all(name) for name in ("Content-Encoding", "Cookie", "Client-Cert")), seen.headers


@pytest.fixture(scope="module")
def merging(launch, jwks, fast_cgi):
    return launch(hosts=[Host("MergeTrailers on\nMTLSOAuthForwardClientCert Client-Cert\n" + issuer(ISSUER, jwks)
                              + location("/api", "MTLSOAuthClaimHeader X-Dept dept", "MTLSOAuthClaimHeader X-Nobody nobody", "CGIPassAuth on")
                              + f'ProxyPass "/" "fcgi://127.0.0.1:{fast_cgi.port}/"\n')], more=("proxy_fcgi",))


@pytest.mark.parametrize("path", ["/api", "/open"])
@pytest.mark.parametrize("trailer", ["X-Dept: forged", "X-Nobody: forged", "X_Nobody: forged", "Client-Cert: :Zm9yZ2Vk:", "Cookie: a=forged",
                                     "Authorization: Bearer forged"])
def test_trailers_bring_no_identity_to_fastcgi(merging, fast_cgi, pki, key, trailer, path):
    """mod_proxy_fcgi reads the body first, and then hands the headers on."""
    fast_cgi.take()
    answer = post_with_trailers(merging, tls_context(pki.authority.path), path, bearer(key), "abc", f"{trailer}\r\nX-Other: fine\r\n")
    (seen,) = fast_cgi.take()
    assert answer.status == 200 and seen.all("HTTP_X_OTHER") == ["fine"] and seen.body == b"abc"
    assert seen.all("HTTP_X_DEPT") == (["sales"] if path == "/api" else [])
    assert not [pair for pair in seen.headers if "forged" in pair[1] or "Zm9yZ2Vk" in pair[1]], seen.headers


def foreign(text):
    """A text as percent-encoded EBCDIC."""
    return "".join(f"%{octet:02x}" for octet in text.encode("cp037"))


TWO_CLIENTS = {
    "charset": ("; charset=ibm037", f"client_id=reports&{foreign('client_id')}={foreign('victim')}"),
    "quoted charset": ('; charset="utf-16"', "client_id=reports"), "dot": ("", "client_id=reports&client.id=victim"),
    "blank": ("", "client_id=reports&client+id=victim"), "blank in front": ("", "client_id=reports&+client_id=victim"),
    "bracket": ("", "client_id=reports&client[id=victim"), "array": ("", "client_id=reports&client_id[]=victim"),
    "brackets around": ("", "client_id=reports&[client_id]=victim"), "bracket behind": ("", "client_id=reports&client_id]=victim"),
    "semicolon": ("", "client_id=reports&x=1;client_id=victim"), "case": ("", "CLIENT_ID=victim&client_id=reports"),
    "byte order mark": ("", "\ufeffclient_id=victim&client_id=reports"),
    "secret": ("", "client_id=reports&client.secret=x")}


@pytest.mark.parametrize("parameters, body", TWO_CLIENTS.values(), ids=TWO_CLIENTS)
def test_back_end_reads_the_same_client(server, pki, client_pki, back, parameters, body):
    """The body goes to the back end as it is: who is authenticated must be whoever it may read there."""
    back.take()
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    answer = post(connection, "/token", body.encode(), content_type=FORM_TYPE + parameters)
    assert (answer.status, answer.refusal, back.take()) == (400, "form_malformed", []), answer


@pytest.mark.parametrize("parameters, body", [("; charset=UTF-8", "client_id=reports"), ('; charset="utf-8"', "client_id=reports&x=a;b"),
                                              ("", "client_id=reports&CLIENT=x&id[]=y")])
def test_one_client(server, pki, client_pki, parameters, body):
    """The twins of the former, in which there is nothing to be misread."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    assert post(connection, "/token", body.encode(), content_type=FORM_TYPE + parameters).status == 200


def test_copy_of_the_token_in_a_cookie(server, connect, back, key):
    """MTLSOAuthForwardToken off: the back end gets it from nowhere that MTLSOAuthTokenSource names."""
    back.take()
    token = mint(key, claims(ISSUER))
    assert connect(server).request("/cookie", token, headers=[("Cookie", f"a=1; tok={token}; z=2")]).status == 200
    (seen,) = back.take()
    assert not seen.all("Authorization") and seen.header("Cookie") == "a=1; z=2"


def test_preflight_opens_no_tunnel(launch, pki, jwks):
    """A preflight passes without a token: it must not take a connection along."""
    heads = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        back_end, _ = listener.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            head += back_end.recv(4096)
        heads.append(head.lower())
        back_end.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        back_end.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    server = launch(hosts=[Host(issuer(ISSUER, jwks) + location("/api", "MTLSOAuthPreflight pass")
                                + f'ProxyPass "/" "http://127.0.0.1:{listener.getsockname()[1]}/" upgrade=ANY\n')])
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path))
    answer = connection.request("/api/x", method="OPTIONS", headers=[
        ("Origin", "https://a.example.test"), ("Access-Control-Request-Method", "GET"), ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")])
    connection.close()
    thread.join(10)
    listener.close()
    assert answer.status == 204 and b"upgrade" not in heads[0] and b"http2-settings" not in heads[0], heads


def test_numbers_that_are_denied(launch, connect, jwks, key, work):
    """A client_id that an issuer writes as a number is the same client."""
    denied = work / "denied-numbers.txt"
    denied.write_text("client:123\n")
    denied.chmod(0o644)
    server = launch(f'MTLSOAuthDenyFile "{denied}"\n', hosts=[Host(
        issuer(ISSUER, jwks) + location("/api") + '<Location "/not">\nAuthType mTLS-OAuth\n<RequireAll>\nRequire valid-user\n'
        'Require not oauth-client 456\n</RequireAll>\n</Location>\nAlias /not "{root}/api"\n')])
    client = connect(server)
    for number, api, other in ((123, 401, 401), (456, 200, 403), (789, 200, 200)):
        for value in (number, str(number)):
            token = mint(key, claims(ISSUER, client_id=value))
            assert client.request("/api/secret.txt", token).status == api
            assert client.request("/not/secret.txt", token).status == other


def test_pattern_that_gives_up_denies(launch, connect, jwks, key):
    """A costly pattern ends at its limit: under "not" that is no reason to let somebody in."""
    server = launch(hosts=[Host(issuer(ISSUER, jwks) + '<Location "/api">\nAuthType mTLS-OAuth\n<RequireAll>\nRequire valid-user\n'
                                'Require not oauth-claim title ~ ".*(\\w+\\s?)+contractor.*"\n</RequireAll>\n</Location>\n')])
    client = connect(server)
    for title, status in (("employee", 200), ("a contractor x", 403), ("a contractor " + "a" * 40, 403)):
        assert client.request("/api/secret.txt", mint(key, claims(ISSUER, title=title))).status == status


def test_pattern_of_an_alias_that_gives_up_denies(launch, connect, jwks, key):
    """Where a line has a name of its own, nobody knows when it is read under how many "not" it will stand."""
    server = launch('<AuthzProviderAlias oauth-claim contractor "title ~ \'.*(\\w+\\s?)+contractor.*\'">\n</AuthzProviderAlias>\n', hosts=[Host(
        issuer(ISSUER, jwks) + '<Location "/api">\nAuthType mTLS-OAuth\n<RequireAll>\nRequire valid-user\nRequire not contractor\n</RequireAll>\n</Location>\n'
        + 'Alias "/only" "{root}/api"\n' + location("/only", require="contractor"))])
    client = connect(server)
    for title, status, only in (("employee", 200, 403), ("a contractor x", 403, 200), ("a contractor " + "a" * 40, 403, 403)):
        token = mint(key, claims(ISSUER, title=title))
        assert (client.request("/api/secret.txt", token).status, client.request("/only/secret.txt", token).status) == (status, only), title


def test_lines_of_a_part_take_nothing_from_the_whole(launch, connect, jwks, key):
    """A refusal, or a report, that is logged for an index file leaves the request that gets another one its user."""
    places = ('<Directory "{root}/idx">\nDirectoryIndex a.txt b.txt\n</Directory>\n<Directory "{root}/rep">\nDirectoryIndex b.txt\n</Directory>\n'
              + location("/idx/a.txt", require="oauth-scope nobody-has") + location("/idx/b.txt", "MTLSOAuthTokenSource header cookie:t")
              + location("/rep/b.txt", "MTLSOAuthTokenSource header cookie:t"))
    server = launch(hosts=[Host(issuer(ISSUER, jwks, *lines) + places, name=name) for name, lines in (
        ("localhost", []), ("report.example.test", ["MTLSOAuthReportMutualTLS required"]))],
        files={"idx/a.txt": "A\n", "idx/b.txt": "B\n", "rep/b.txt": "B\n"})
    token = mint(key, claims(ISSUER))
    for host in ("localhost", "report.example.test"):
        client = connect(server, host=host)
        for path in ("/idx/b.txt", "/idx/", "/rep/"):
            answer = client.request(path, token)
            assert (answer.status, answer.user, answer.header("X-Auth-Type")) == (200, "alice", "mTLS-OAuth"), (host, path, answer)
