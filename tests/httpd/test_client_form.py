"""The form of a client: read once to see who it is, and handed on byte for byte to whatever answers the request."""

import http.client
import socket
import time

import pytest

from support import http2
from support.client import Answer, Connection, tls_context
from support.client_pki import SUBJECT
from support.clients import FORM_TYPE, LARGEST_FORM, by_name, endpoint, form, passed, post, refused
from support.http2 import Stream
from support.server import Host

CLIENT = "reports"
HEAD = f"Host: localhost\r\nContent-Type: {FORM_TYPE}\r\n"

FILES = {"public.txt": "for everyone\n", "api/secret.txt": "the secret\n", "cgi/echo": """#!/bin/sh
printf 'Content-Type: application/octet-stream\\r\\nX-Length: %s\\r\\nX-Method: %s\\r\\n\\r\\n' "$CONTENT_LENGTH" "$REQUEST_METHOD"
exec cat
""", "auth/hop/x": "", "plain/hop/x": ""}

# handlers that answer with the body they got; under /plain the same without this module
HANDLERS = ["module", "cgi", "fcgi", "http"]
MORE = ("actions", "reflector", "proxy_fcgi")


def handlers(prefix, back_end, fast_cgi):
    """The handlers below a path, and the ways into them that are internal redirects."""
    return f"""
<Location "{prefix}/module">
    SetHandler reflector
</Location>
ScriptAlias "{prefix}/cgi" "{{root}}/cgi/echo"
ProxyPass "{prefix}/fcgi" "fcgi://127.0.0.1:{fast_cgi.port}/fcgi"
ProxyPass "{prefix}/http" "http://127.0.0.1:{back_end.port}/http"
Alias "{prefix}/static" "{{root}}/api"
<Location "{prefix}/action">
    SetHandler echo-by-action
</Location>
RewriteRule "^{prefix}/rewritten$" "{prefix}/cgi" [PT]
<Directory "{{root}}{prefix}/hop">
    RewriteEngine on
    RewriteRule "^x$" "{prefix}/cgi"
    RewriteRule "^out$" "/outside"
</Directory>
<Location "{prefix}/lost">
    ErrorDocument 404 {prefix}/cgi
</Location>
<Location "{prefix}/lost-outside">
    ErrorDocument 404 /outside
</Location>
"""


@pytest.fixture(scope="module")
def text(client_pki, back, fast_cgi):
    return (f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name(CLIENT, "dn", SUBJECT)
            + "RewriteEngine on\n" + endpoint("/auth") + endpoint("/pass", "MTLSOAuthOtherClients pass")
            + handlers("/auth", back, fast_cgi) + handlers("/plain", back, fast_cgi) + handlers("/pass", back, fast_cgi)
            + """
Action echo-by-action /outside virtual
ScriptAlias "/outside" "{root}/cgi/echo"
RewriteCond "%{LA-U:REMOTE_USER}" "=reports"
RewriteRule "^/auth/guess$" "/auth/cgi" [PT,L]
RewriteRule "^/auth/guess$" "/auth/module" [PT]
<Location "/limited">
    LimitRequestBody 100
    SetHandler reflector
</Location>
""" + endpoint("/limited"))


@pytest.fixture(scope="module")
def serve(make_httpd, text):
    """Starts servers with a script that may be run; they end with the test file."""
    started = []

    def start(**settings):
        server = make_httpd(hosts=[Host(text), Host(text, tls=False)], files=FILES, **settings)
        (server.root / "cgi" / "echo").chmod(0o755)
        started.append(server)
        return server.start()
    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(serve):
    return serve(without=(), more=("cgid", *MORE))


@pytest.fixture(scope="module")
def client(server, connect, client_pki):
    """A connection that may have been closed by an error before."""
    return connect(server, client_pki.reports)


@pytest.fixture
def fresh(server, pki, client_pki):
    """A connection that must stay open; it is the test's own."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    yield connection
    connection.close()
    assert connection.opened == 1


def filled(size, start=b"client_id=reports&scope=a+b%2Bc%26%3d&state="):
    """A form of exactly that many bytes, no two places alike."""
    more = b"".join(b"%08x" % (number * 2654435761 & 0xffffffff) for number in range(size // 8 + 1))
    return (start + more)[:size]


SIZES = [60, 8191, 8192, LARGEST_FORM - 1, LARGEST_FORM]


def chunks(body, size):
    """The body as chunks of that size."""
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def message(path, body, transfer):
    """A POST as bytes, with a length or in chunks."""
    if transfer == "length":
        return f"POST {path} HTTP/1.1\r\n{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body
    sizes = {"one chunk": max(1, len(body)), "chunks": 1000, "small chunks": 7}
    return f"POST {path} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks(body, sizes[transfer])


def echoed(answer, body):
    assert (answer.status, answer.refusal, answer.user) == (200, None, CLIENT), answer
    assert answer.body == body, (len(answer.body), len(body))


@pytest.mark.parametrize("transfer", ["length", "one chunk", "chunks", "small chunks"])
@pytest.mark.parametrize("handler", HANDLERS)
def test_body_is_handed_on(fresh, back, fast_cgi, handler, transfer):
    """Every handler gets exactly the bytes sent, and the connection is in order for the next request."""
    for size in SIZES:
        body = filled(size)
        back.take(), fast_cgi.take()
        echoed(fresh.raw(message(f"/auth/{handler}", body, transfer)), body)
        for seen in (*back.take(), *fast_cgi.take()):
            assert (seen.method, seen.body) == ("POST", body)
        assert fresh.request("/public.txt").body == b"for everyone\n"


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("handler", HANDLERS[1:])
def test_body_over_http2(server, pki, client_pki, handler, sized):
    """The same over HTTP/2, with and without a Content-Length."""
    for size in (SIZES if handler == "http" else SIZES[-1:]):
        body = filled(size)
        stream = Stream(f"/auth/{handler}", headers=(("Content-Type", FORM_TYPE),), body=body, sized=sized)
        (answer,), _ = http2.fetch(server.directory, pki.authority.path, server.port, "localhost", [stream], client_pki.reports)
        echoed(answer, body)


def test_parallel_streams(server, pki, client_pki):
    """Forms of one connection do not mix, and each is judged for itself."""
    bodies = [filled(60 + 997 * number, b"client_id=%s&x=%d&" % (b"reports" if number % 3 else b"nobody", number))
              for number in range(24)]
    streams = [Stream(f"/auth/{HANDLERS[1 + number % 3]}", headers=(("Content-Type", FORM_TYPE),), body=body)
               for number, body in enumerate(bodies)]
    answers, connections = http2.fetch(server.directory, pki.authority.path, server.port, "localhost", streams, client_pki.reports)
    assert connections == 1
    for number, (answer, body) in enumerate(zip(answers, bodies)):
        if number % 3:
            echoed(answer, body)
        else:
            refused(answer, "client_unknown")


@pytest.mark.parametrize("transfer", ["length", "chunks"])
def test_form_that_is_too_large(server, client_pki, pki, back, transfer):
    """One byte more than 64 KiB: 413, the connection is closed, nothing reaches the back end."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    for size in (LARGEST_FORM + 1, 1_000_000):
        back.take()
        answer = connection.raw(message("/auth/http", filled(size), transfer))
        refused(answer, "form_too_large")
        assert answer.header("Connection") == "close" and connection.tls is None, answer.headers
        assert back.take() == []


@pytest.mark.parametrize("sized", [True, False])
def test_form_that_is_too_large_over_http2(server, pki, client_pki, back, sized):
    """Over HTTP/2 httpd ends the stream while the client still sends, and curl shows no answer; the log has it."""
    stream = Stream("/auth/http", headers=(("Content-Type", FORM_TYPE),), body=filled(LARGEST_FORM + 1), sized=sized)
    back.take(), server.new_lines()
    try:
        (answer,), _ = http2.fetch(server.directory, pki.authority.path, server.port, "localhost", [stream], client_pki.reports)
        refused(answer, "form_too_large")
    except AssertionError as error:
        assert "Stream error" in str(error) or "Empty reply" in str(error), error
    assert [line.split()[1] for line in server.refusals()] == ["form_too_large"]
    assert back.take() == []


def test_length_that_is_too_large(server, client_pki, pki):
    """A large Content-Length alone is enough: nobody waits for the gigabyte."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    begin = time.monotonic()
    refused(connection.raw(f"POST /auth/module HTTP/1.1\r\n{HEAD}Content-Length: 1000000000\r\n\r\nclient_id=reports".encode()),
            "form_too_large")
    assert time.monotonic() - begin < 5


def test_limit_of_httpd(client):
    """LimitRequestBody below 64 KiB holds as ever."""
    echoed(client.raw(message("/limited", filled(100), "length")), filled(100))
    for transfer in ("length", "chunks"):
        answer = client.raw(message("/limited", filled(101), transfer))
        assert (answer.status, answer.user) == (413, None), answer


MALFORMED = [b"client_id=reports&x=%", b"client_id=reports&x=%4", b"client_id=reports&x=%zz", b"client_id=reports&%=x",
             b"client_id=reports&x=%u0041", b"client_id=reports&x=% 1", b"client_id=reports&x=%+1",
             b"client_id=reports%00", b"client_id=reports&x=%00", b"client_id=reports&%00=x", b"client_id=rep%00orts",
             b"client_id=reports\x00", b"client_id=reports&x=\x00&y=1", b"\x00client_id=reports", b"%00", b"%"]


@pytest.mark.parametrize("body", MALFORMED, ids=repr)
@pytest.mark.parametrize("path", ["/auth/http", "/pass/http"])
def test_bad_bytes(client, back, path, body):
    """C8: a bad escape or a NUL anywhere, also for clients of other methods."""
    back.take()
    for sent in (body, body.replace(b"reports", b"nobody") + b"&client_secret=x"):
        refused(post(client, path, sent), "form_malformed")
    assert back.take() == []


GOOD = [b"client_id=reports", b"client%5Fid=reports", b"%63lient_id=%72%65ports", b"&client_id=reports&",
        b"a=b&&client_id=reports", b"client_id=reports&x=%e4%FC", b"client_id=reports&x=\xe4\xff\x01\x7f",
        b"client_id=reports&x=a=b=c", b"client_id=reports&=&==", b"a;b=x&client_id=reports",
        b"client_id=reports&x=\r\n", b"client_id=reports&x=%0d%0A%01", b"client_id=reports&x= ~!\"<>[]{}|\\^`"]


@pytest.mark.parametrize("body", GOOD, ids=repr)
def test_good_bytes(client, body):
    """The twins: whatever else a form says reaches the handler as it was spelled."""
    echoed(post(client, "/auth/module", body), body)


REPEATED = [(b"client_id=reports&client_id=reports", ""), (b"client_id=reports&x=1&client_id=nobody", ""),
            (b"client_id=nobody&client%5fid=reports", ""), (b"client_id=&client_id=reports", ""),
            (b"client_id=reports&client_id", ""), (b"client_id=reports", "?client_id=reports"),
            (b"client_id=reports", "?x=1&client%5Fid=nobody"), (b"client_id=nobody", "?client_id=reports"),
            *((b"client_id=%s&%s=x&%s=y" % (client, name, name), "") for client in (b"reports", b"nobody")
              for name in (b"client_secret", b"client_assertion", b"client_assertion_type")),
            *((b"client_id=nobody&%s=x" % name, "?%s=x" % name.decode()) for name in
              (b"client_secret", b"client_assertion", b"client_assertion_type"))]


@pytest.mark.parametrize("body, query", REPEATED)
@pytest.mark.parametrize("path", ["/auth/http", "/pass/http"])
def test_repeated_parameters(client, back, path, body, query):
    """C3, RFC 6749 section 3.2: what names or authenticates the client is there once, however it is spelled."""
    back.take()
    refused(post(client, path + query, body), "client_id_repeated")
    assert back.take() == []


@pytest.mark.parametrize("query", ["?x=1", "?client_idx=1", "?x=client_id", "?x=%26client_id=1", "?"])
def test_other_queries(client, query):
    """The twins: other parameters of the query are nobody's business, and may stand in the form twice."""
    for body in (b"client_id=reports", b"client_id=reports&resource=a&resource=b&x=2"):
        echoed(post(client, "/auth/http" + query, body), body)


TYPES = {"application/x-www-form-urlencoded": True, "application/x-www-form-urlencoded; charset=UTF-8": True,
         "application/x-www-form-urlencoded;charset=utf-8": True, "Application/X-WWW-Form-URLEncoded": True,
         "application/x-www-form-urlencoded ; charset=UTF-8": True,
         "application/json": False, "multipart/form-data; boundary=x": False, "text/plain": False,
         "application/x-www-form-urlencodedx": False, "application/x-www-form-urlencoded, text/plain": False,
         "x; application/x-www-form-urlencoded": False, "": False, None: False}


@pytest.mark.parametrize("content_type, right", TYPES.items())
@pytest.mark.parametrize("path", ["/auth/http", "/pass/http"])
def test_content_type(client, back, path, content_type, right):
    """A body of another type is not read for a client_id, and what is not read is not let through either."""
    back.take()
    answer = post(client, path, b"client_id=reports", content_type=content_type)
    if right:
        echoed(answer, b"client_id=reports")
        assert back.take()[0].header("Content-Type") == content_type
    else:
        refused(answer, "form_malformed")
        assert back.take() == []


def test_two_content_types(client):
    refused(post(client, "/auth/http", b"client_id=reports", ("Content-Type", "text/plain")), "form_malformed")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-unknown"])
def test_content_encoding(client, coding):
    """An encoded body may say something else to the back end than here."""
    for path in ("/auth/http", "/pass/http"):
        refused(post(client, path, b"client_id=reports", ("Content-Encoding", coding)), "form_malformed")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_requests_without_a_body(client, method):
    """Nothing says who the client is, certificate or not."""
    for path in ("/auth/http", "/pass/http", "/auth/http?client_id=reports"):
        answer = client.request(path, method=method)
        assert (answer.status, answer.refusal, answer.user) == (400, "client_id_missing", None), answer


def test_small_bodies(client):
    """Of 0 bytes and of one."""
    for body in (b"", b"a", b"=", b"&"):
        refused(post(client, "/auth/http", body), "client_id_missing")
    refused(client.raw(f"POST /auth/http HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()), "client_id_missing")


def test_request_without_a_body_of_another_client(client, back):
    """With Basic alone and `pass`, a GET is let through as it is."""
    back.take()
    passed(client.request("/pass/http", headers=[("Authorization", "Basic bm9ib2R5Ong=")]), b"")
    assert [(seen.method, seen.body) for seen in back.take()] == [("GET", b"")]


@pytest.mark.parametrize("transfer", ["length", "chunks"])
@pytest.mark.parametrize("handler", HANDLERS)
def test_other_clients_keep_their_body(client, handler, transfer):
    """`pass` hands on every byte as well."""
    for size in SIZES:
        body = filled(size, b"client_id=nobody&client_secret=x&more=")
        passed(client.raw(message(f"/pass/{handler}", body, transfer)), body)


@pytest.mark.parametrize("transfer", ["length", "chunks"])
@pytest.mark.parametrize("way", ["action", "rewritten", "hop/x", "hop/out", "lost/x", "lost-outside/x"])
def test_internal_redirects(fresh, way, transfer):
    """Wherever httpd sends the request, inside or outside of the Location, its whole body goes along. (Without this module
    httpd has thrown it away before an ErrorDocument.)"""
    for size in (60, LARGEST_FORM):
        body = filled(size)
        plain = fresh.raw(message(f"/plain/{way}", body, transfer))
        answer = fresh.raw(message(f"/auth/{way}", body, transfer))
        assert (answer.status, answer.body) == (plain.status, body), (answer, plain)
        assert [answer.header(name) for name in ("X-Length", "X-Method")] == [plain.header(name) for name in ("X-Length", "X-Method")]
        assert plain.body == (b"" if way.startswith("lost") else body)
        assert fresh.request("/public.txt").body == b"for everyone\n"


def test_lookahead(client):
    """A rewrite condition that looks ahead for the user takes nothing away from the request, whatever it finds."""
    for transfer in ("length", "chunks"):
        body = filled(20000)
        echoed(client.raw(message("/auth/guess", body, transfer)), body)


def test_handlers_that_do_not_read(fresh):
    """A static file and a refusal leave the connection in order, whoever throws the body away."""
    for size in SIZES:
        for transfer in ("length", "chunks"):
            answer = fresh.raw(message("/auth/static/secret.txt", filled(size), transfer))
            assert (answer.status, answer.user, answer.body) == (200, CLIENT, b"the secret\n"), answer
            refused(fresh.raw(message("/auth/http", filled(size).replace(b"reports", b"nobody"), transfer)), "client_unknown")
            assert fresh.raw(message("/auth/none", filled(size), transfer)).status == 404
    assert fresh.request("/public.txt").body == b"for everyone\n"


def test_pipelined_requests(server, pki, client_pki):
    """Three requests in one piece: each answer is that of its own form."""
    bodies = [filled(100), filled(9000), filled(50)]
    octets = b"".join(message("/auth/module", body, transfer) for body, transfer in zip(bodies, ("length", "chunks", "length")))
    context = tls_context(pki.authority.path, client_pki.reports)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 20), server_hostname="localhost") as tls:
        tls.sendall(octets + b"GET /public.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: tls.recv(65536), b""))
    # the answer to the chunked one is chunked, in pieces of 8192
    for wanted in (bodies[0], bodies[1][:8192], bodies[1][8192:], bodies[2], b"for everyone\n"):
        _, found, said = said.partition(b"\r\n" + wanted)
        assert found, wanted[:40]
    assert said == b""


# ---- Bodies that take their time, or never come ----

@pytest.fixture
def talk(server, pki, client_pki):
    """A TLS connection to send to in pieces."""
    context = tls_context(pki.authority.path, client_pki.reports)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 20), server_hostname="localhost") as tls:
        yield tls


def answer_on(stream):
    reply = http.client.HTTPResponse(stream)
    reply.begin()
    return Answer(reply.status, reply.getheaders(), reply.read())


@pytest.mark.parametrize("handler", HANDLERS)
def test_expect_continue(talk, handler):
    """RFC 9110 section 10.1.1: asked for once the form is needed, and then read."""
    body = filled(3000)
    talk.sendall(f"POST /auth/{handler} HTTP/1.1\r\n{HEAD}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    assert talk.recv(4096).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    talk.sendall(body)
    echoed(answer_on(talk), body)


def test_slow_body(talk):
    """A form that comes byte by byte."""
    body = b"client_id=reports&a=b"
    talk.sendall(message("/auth/http", body, "length")[:-len(body)])
    for octet in body:
        talk.sendall(bytes([octet]))
        time.sleep(0.03)
    echoed(answer_on(talk), body)


def test_slow_chunks(talk):
    """A chunk at a time, and a pause inside a chunk's head."""
    octets = message("/auth/cgi", filled(40), "small chunks")
    start = octets.index(b"\r\n\r\n") + 4
    talk.sendall(octets[:start])
    for at in range(start, len(octets), 3):
        talk.sendall(octets[at:at + 3])
        time.sleep(0.02)
    echoed(answer_on(talk), filled(40))


@pytest.mark.parametrize("sent", [
    f"POST /auth/http HTTP/1.1\r\n{HEAD}Content-Length: 100\r\n\r\nclient_id=reports",
    f"POST /auth/http HTTP/1.1\r\n{HEAD}Content-Length: 100\r\n\r\n",
    f"POST /auth/http HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n11\r\nclient_id=reports\r\n",
    f"POST /auth/http HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n40\r\nclient_id=reports",
    f"POST /auth/http HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nclient_id=reports\r\n0\r\n\r\n"],
    ids=["length", "nothing", "no last chunk", "inside a chunk", "no size"])
def test_cut_body(server, back, sent):
    """A body that ends early is no form: not guessed at, and not handed on."""
    back.take()
    with socket.create_connection(("127.0.0.1", server.plain_port), 20) as stream:
        stream.sendall(sent.encode())
        stream.shutdown(socket.SHUT_WR)
        answer = answer_on(stream)
    assert answer.status == 400 and answer.user is None, answer
    assert answer.refusal in ("form_malformed", None)
    assert back.take() == []


def test_client_that_leaves(server, pki, client_pki, back):
    """A client that hangs up in the middle of its form costs nothing but a line."""
    back.take()
    context = tls_context(pki.authority.path, client_pki.reports)
    for _ in range(5):
        tls = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 20), server_hostname="localhost")
        tls.sendall(message("/auth/http", filled(5000), "length")[:-100])
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        tls.close()
    time.sleep(0.3)
    assert back.take() == []
    assert once_more(server, pki, client_pki) == b"client_id=reports"


def once_more(server, pki, client_pki):
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    try:
        return post(connection, "/auth/http", form(CLIENT)).body
    finally:
        connection.close()


def test_other_mpm(serve, client_pki, pki):
    """mod_cgi under the prefork MPM."""
    server = serve(mpm="prefork", more=("cgi", *MORE))
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    for transfer in ("length", "chunks"):
        for path in ("/auth/cgi", "/auth/action", "/auth/http"):
            assert connection.raw(message(path, filled(20000), transfer)).body == filled(20000)
    connection.close()
