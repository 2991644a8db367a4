"""The certificate is that of this connection, now: TLS versions, resumption, renegotiation, keep-alive, HTTP/2."""

import pytest

from support import http2
from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.expect import admitted, refused
from support.http2 import Stream
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://tls.example.test"
PATH = "/api/secret.txt"
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(scope="module")
def text(jwks):
    return issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS request") + location("/api")


@pytest.fixture(scope="module")
def server(launch, text):
    late = text + ('Alias "/late" "{root}/api"\n<Location "/late">\nSSLVerifyClient optional_no_ca\n</Location>\n'
                   + location("/late"))
    return launch(hosts=[Host(text), Host(late, name="late.example.test", verify="none"),
                         Host(text, name="silent.example.test", verify=None), Host(text, name="twin.example.test")],
                  without=())


@pytest.fixture
def tokens(pki, key):
    """Tokens bound to the owner, to the thief and to nobody."""
    return {"owner": mint(key, claims(ISSUER, cnf=bound_to(pki.owner))),
            "thief": mint(key, claims(ISSUER, cnf=bound_to(pki.thief))),
            "nobody": mint(key, claims(ISSUER))}


@pytest.fixture
def fetch(server, pki, work):
    def streams(wanted, certificate=None, **settings):
        return http2.fetch(server.directory, pki.authority.path, server.port, "localhost", wanted, certificate,
                           **settings)
    return streams


@VERSIONS
def test_http1(server, connect, pki, tokens, version):
    """The table of bound, mismatched and missing over each TLS version."""
    owner = connect(server, pki.owner, version=version)
    admitted(owner.request(PATH, tokens["owner"]), binding="bound")
    admitted(owner.request(PATH, tokens["nobody"]), binding="unbound")
    refused(owner.request(PATH, tokens["thief"]), "certificate_mismatch")
    refused(connect(server, version=version).request(PATH, tokens["owner"]), "certificate_missing")
    refused(connect(server, pki.renewed, version=version).request(PATH, tokens["owner"]), "certificate_mismatch")
    assert owner.tls.version() == f"TLSv{version}"


@VERSIONS
def test_http2(fetch, pki, tokens, version):
    """The same over HTTP/2, whose streams find the certificate at their master connection."""
    own, _ = fetch([Stream(PATH, tokens[whose]) for whose in ("owner", "nobody", "thief")], pki.owner, tls=version)
    admitted(own[0], binding="bound")
    admitted(own[1], binding="unbound")
    refused(own[2], "certificate_mismatch")
    stolen, _ = fetch([Stream(PATH, tokens["owner"])], pki.thief, tls=version)
    refused(stolen[0], "certificate_mismatch")
    bare, _ = fetch([Stream(PATH, tokens["owner"]), Stream(PATH)], None, tls=version)
    refused(bare[0], "certificate_missing")
    refused(bare[1], "no_token")


def test_http2_repeated_authorization(fetch, tokens):
    """Two fields of one name over HTTP/2 are two tokens as well."""
    (answer,), _ = fetch([Stream(PATH, tokens["nobody"], (("Authorization", f"Bearer {tokens['nobody']}"),))])
    refused(answer, "token_repeated")


def test_parallel_streams(fetch, pki, tokens):
    """Streams of one connection are judged one by one, whatever runs beside them."""
    order = ["owner", "thief", "nobody", None] * 12
    answers, connections = fetch([Stream(PATH, tokens.get(whose)) for whose in order], pki.owner)
    assert connections == 1
    for whose, answer in zip(order, answers):
        if whose in ("owner", "nobody"):
            admitted(answer, binding="bound" if whose == "owner" else "unbound")
        else:
            refused(answer, "certificate_mismatch" if whose == "thief" else "no_token")


@VERSIONS
def test_tokens_take_turns_on_a_connection(server, pki, tokens, version):
    """Nothing of one request stays for the next one."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, pki.owner, version))
    for _ in range(5):
        admitted(connection.request(PATH, tokens["owner"]), binding="bound")
        refused(connection.request(PATH, tokens["thief"]), "certificate_mismatch")
        refused(connection.request(PATH), "no_token")
        admitted(connection.request(PATH, tokens["nobody"]), binding="unbound")
        assert connection.request("/public.txt").user is None
    assert connection.opened == 1
    connection.close()


@VERSIONS
def test_warm_token_and_other_certificates(server, pki, tokens, version):
    """A token admitted many times, in every child, is still judged by each connection's own certificate."""
    contexts = {name: tls_context(pki.authority.path, certificate, version)
                for name, certificate in (("owner", pki.owner), ("thief", pki.thief), ("none", None))}
    wanted = {"thief": "certificate_mismatch", "none": "certificate_missing"}
    for _ in range(8):
        for name, context in contexts.items():
            connection = Connection(server.port, "localhost", context)
            answer = connection.request(PATH, tokens["owner"])
            connection.close()
            if name == "owner":
                admitted(answer, binding="bound")
            else:
                refused(answer, wanted[name])


def resumed(server, context):
    """A connection that resumes the session of one before it."""
    first = Connection(server.port, "localhost", context)
    assert first.request("/public.txt").status == 200
    second = Connection(server.port, "localhost", context, session=first.tls.session)
    first.close()
    assert second.request("/public.txt").status == 200
    assert second.tls.session_reused
    return second


@VERSIONS
@pytest.mark.parametrize("tickets", ["on", "off"])
def test_resumed_session(launch, pki, text, tokens, version, tickets):
    """A resumed session keeps its own certificate and none but it."""
    server = launch(f"SSLSessionTickets {tickets}\n", hosts=[Host(text)])
    own = resumed(server, tls_context(pki.authority.path, pki.owner, version))
    admitted(own.request(PATH, tokens["owner"]), binding="bound")
    refused(own.request(PATH, tokens["thief"]), "certificate_mismatch")
    refused(resumed(server, tls_context(pki.authority.path, pki.thief, version)).request(PATH, tokens["owner"]),
            "certificate_mismatch")
    refused(resumed(server, tls_context(pki.authority.path, None, version)).request(PATH, tokens["owner"]),
            "certificate_missing")


@VERSIONS
@pytest.mark.parametrize("host, judge", [("twin.example.test", "twin.example.test"), ("nobody.example.test", "localhost"),
                                         ("late.example.test", None), ("silent.example.test", None)])
def test_connection_for_another_host(fetch, pki, tokens, version, host, judge):
    """HTTP/2 lets a client ask one host over the connection to another: a host that asks otherwise for certificates sends it away
    (421), one that asks alike judges the certificate of this connection."""
    streams = [Stream(PATH, tokens[whose], (("Host", host),)) for whose in ("owner", "thief")]
    for certificate, codes in ((pki.owner, (None, "certificate_mismatch")), (pki.thief, ("certificate_mismatch", None)),
                               (None, ("certificate_missing", "certificate_missing"))):
        answers, connections = fetch(streams, certificate, tls=version)
        assert connections == 1
        for answer, code in zip(answers, codes):
            if judge is None:
                assert (answer.status, answer.user) == (421, None), answer
            elif code:
                refused(answer, code, realm=judge)
            else:
                admitted(answer, binding="bound")


@VERSIONS
@pytest.mark.parametrize("first", ["twin.example.test", "late.example.test", "silent.example.test"])
def test_session_of_another_host(server, pki, tokens, version, first):
    """A session that began at another host, whatever that one asked for, is none here: the handshake asks anew."""
    for certificate in (pki.owner, pki.thief):
        context = tls_context(pki.authority.path, certificate, version)
        before = Connection(server.port, first, context)
        assert before.request("/public.txt").status == 200
        connection = Connection(server.port, "localhost", context, session=before.tls.session)
        before.close()
        answer = connection.request(PATH, tokens["owner"])
        if certificate is pki.owner:
            admitted(answer, binding="bound")
        else:
            refused(answer, "certificate_mismatch")
        connection.close()


@VERSIONS
def test_certificate_asked_for_later(server, pki, tokens, version):
    """None becomes A on one connection (renegotiation, post-handshake authentication), and stays A."""
    connection = Connection(server.port, "late.example.test", tls_context(pki.authority.path, pki.owner, version))
    refused(connection.request(PATH, tokens["owner"]), "certificate_missing", realm="late.example.test")
    admitted(connection.request(PATH, tokens["nobody"]), binding="unbound")
    admitted(connection.request("/late/secret.txt", tokens["owner"]), binding="bound")
    admitted(connection.request(PATH, tokens["owner"]), binding="bound")
    refused(connection.request(PATH, tokens["thief"]), "certificate_mismatch", realm="late.example.test")
    assert connection.opened == 1
    connection.close()


@VERSIONS
def test_certificate_asked_for_later_from_the_thief(server, pki, tokens, version):
    connection = Connection(server.port, "late.example.test", tls_context(pki.authority.path, pki.thief, version))
    refused(connection.request("/late/secret.txt", tokens["owner"]), "certificate_mismatch", realm="late.example.test")
    connection.close()


@VERSIONS
def test_server_that_never_asks(server, connect, pki, tokens, version):
    """Without SSLVerifyClient the client's certificate is not on the connection."""
    silent = connect(server, pki.owner, host="silent.example.test", version=version)
    refused(silent.request(PATH, tokens["owner"]), "certificate_missing", realm="silent.example.test")
    admitted(silent.request(PATH, tokens["nobody"]), binding="unbound")


@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_other_mpms(launch, connect, pki, text, tokens, mpm):
    """The MPM makes no difference."""
    server = launch(hosts=[Host(text)], mpm=mpm)
    admitted(connect(server, pki.owner).request(PATH, tokens["owner"]), binding="bound")
    refused(connect(server, pki.thief).request(PATH, tokens["owner"]), "certificate_mismatch")


def test_loaded_before_all_others(launch, connect, pki, text, tokens):
    """The order of the LoadModule lines makes no difference."""
    server = launch(hosts=[Host(text)], ours="first")
    admitted(connect(server, pki.owner).request(PATH, tokens["owner"]), binding="bound")
    refused(connect(server, pki.thief).request(PATH, tokens["owner"]), "certificate_mismatch")


def test_without_any_tls(launch, text, tokens):
    """An httpd without mod_ssl has no certificates and no TLS."""
    open_text = text + 'Alias "/open" "{root}/api"\n' + location("/open", "MTLSOAuthRequireTLS off")
    server = launch(hosts=[Host(open_text, tls=False)], without=("ssl", "http2"))
    plain = Connection(server.plain_port, "localhost")
    refused(plain.request(PATH, tokens["nobody"]), "tls_required")
    admitted(plain.request("/open/secret.txt", tokens["nobody"]))
    refused(plain.request("/open/secret.txt", tokens["owner"]), "certificate_missing")


def test_certificate_chain_is_not_the_certificate(server, pki, tokens, work):
    """An attacker's leaf with the victim's certificate sent along as an extra one: the leaf counts."""
    class Chain:
        path = str(work / "chain.pem")
        key_path = pki.thief.key_path
    with open(Chain.path, "w", encoding="ascii") as file:
        file.write(pki.thief.pem + pki.owner.pem)
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, Chain))
    refused(connection.request(PATH, tokens["owner"]), "certificate_mismatch")
    admitted(connection.request(PATH, tokens["thief"]), binding="bound")
    connection.close()
