"""Every MPM x order of the modules x kind of session resumption x TLS version x HTTP version: who shows the certificate of the token, or
of the client, and nobody else. Part of `make matrix`: `make check` has each of these by itself."""

import pytest

import test_connection_certificate as mid_connection
from support import environment
from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.client_pki import SUBJECT
from support.clients import FORM_TYPE, authenticated, by_name, endpoint, form, post, section
from support.clients import refused as client_refused
from support.expect import admitted, refused
from support.http2 import Http2Connection
from support.server import Host
from support.tokens import bound_to, claims, mint

pytestmark = pytest.mark.matrix

ISSUER = mid_connection.ISSUER
PLACES = {"/api/secret.txt": "unbound", "/directory/secret.txt": "binding_missing"}
MPMS = [mpm for mpm in ("event", "worker", "prefork") if (environment.MODULES_DIR / f"mod_mpm_{mpm}.so").exists()]
# how sessions are resumed -> (SSLSessionTickets, SSLSessionCache)
SESSIONS = {"tickets": ("on", "none"), "cache": ("off", "shmcb:{directory}/sessions(512000)"), "none": ("off", "none")}
FILES = {"api/secret.txt": "the secret\n", "directory/secret.txt": "the secret\n",
         "directory/.htaccess": "AuthType mTLS-OAuth\nRequire valid-user\nMTLSOAuthUseMutualTLS required\n"}


@pytest.fixture(scope="module", params=MPMS)
def mpm(request):
    return request.param


@pytest.fixture(scope="module", params=["first", "last"])
def ours(request):
    """Loaded before all other modules, and after them."""
    return request.param


@pytest.fixture(scope="module", params=SESSIONS)
def sessions(request):
    return request.param


@pytest.fixture(scope="module")
def text(jwks, client_pki):
    return (issuer(ISSUER, jwks) + location("/api") + 'Alias "/token" "{root}/api"\n' + endpoint("/token")
            + '<Directory "{root}/directory">\nAllowOverride AuthConfig\n</Directory>\n'
            + f'SSLVerifyDepth 5\nMTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name("dn", "dn", SUBJECT)
            + section("batch", f'MTLSOAuthClientCertificateFile "{client_pki.batch.path}"')
            + 'Alias "/late" "{root}/api"\n<Location "/late">\nSSLVerifyClient require\n</Location>\n' + location("/late"))


@pytest.fixture(scope="module")
def server(launch, text, mpm, ours, sessions):
    tickets, cache = SESSIONS[sessions]
    return launch(f"StartServers 2\nSSLSessionTickets {tickets}\n", [Host(text), Host(text, name="late.example.test", verify="none")],
                  files=FILES, mpm=mpm, ours=ours, without=(), sessions=cache)


@pytest.fixture
def tokens(pki, key):
    """Tokens bound to the owner, to the thief and to nobody."""
    return {"owner": mint(key, claims(ISSUER, cnf=bound_to(pki.owner))),
            "thief": mint(key, claims(ISSUER, cnf=bound_to(pki.thief))), "nobody": mint(key, claims(ISSUER))}


# token of whom, certificate of whom -> the outcome where unbound tokens may come
OUTCOMES = {("owner", "owner"): "bound", ("owner", "thief"): "certificate_mismatch", ("owner", "renewed"): "certificate_mismatch",
            ("owner", "none"): "certificate_missing", ("thief", "owner"): "certificate_mismatch", ("thief", "none"): "certificate_missing",
            ("nobody", "owner"): "unbound", ("nobody", "thief"): "unbound", ("nobody", "none"): "unbound"}


def outcome(path, whose, shown):
    return PLACES[path] if whose == "nobody" else OUTCOMES.get((whose, shown), "bound" if whose == shown else "certificate_mismatch")


def check_http1(connection, shown, tokens):
    for path in PLACES:
        for whose, token in tokens.items():
            wanted, answer = outcome(path, whose, shown), connection.request(path, token)
            if wanted in ("bound", "unbound"):
                admitted(answer, binding=wanted)
            else:
                refused(answer, wanted)


def check_http2(connection, shown, tokens, server):
    for path in PLACES:
        for whose, token in tokens.items():
            server.new_lines()
            body, wanted, refusals = connection.request(path, token), outcome(path, whose, shown), server.refusals()
            if wanted in ("bound", "unbound"):
                assert body == b"the secret\n" and not refusals, (whose, shown, body, refusals)
            else:
                assert b"401 Unauthorized" in body and [line.split()[1] for line in refusals] == [wanted], (whose, shown, body, refusals)


def in_turns(connect, context, resumes, check):
    """A first connection, and two that would resume its session. `check` also brings the ticket of TLS 1.3."""
    session = None
    for number in range(3):
        connection = connect(context, session)
        check(connection)
        assert connection.tls.session_reused == (resumes and number > 0)
        session = connection.tls.session
        connection.close()


VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@VERSIONS
@pytest.mark.parametrize("shown", ["owner", "thief", "renewed", "none"])
def test_bearer(server, pki, tokens, sessions, version, shown):
    context = tls_context(pki.authority.path, getattr(pki, shown, None), version)
    in_turns(lambda one, session: Connection(server.port, "localhost", one, session), context, sessions != "none",
             lambda connection: check_http1(connection, shown, tokens))


@VERSIONS
@pytest.mark.parametrize("shown", ["owner", "thief", "renewed", "none"])
def test_bearer_over_http2(server, pki, tokens, mpm, sessions, version, shown):
    """httpd's mod_http2 refuses to work with the prefork MPM: nothing but HTTP/1.1 is spoken there."""
    context = tls_context(pki.authority.path, getattr(pki, shown, None), version)
    if mpm == "prefork":
        context.set_alpn_protocols(["h2", "http/1.1"])
        connection = Connection(server.port, "localhost", context)
        check_http1(connection, shown, tokens)
        assert connection.tls.selected_alpn_protocol() == "http/1.1"
        connection.close()
        return
    in_turns(lambda one, session: Http2Connection(server.port, "localhost", one, session), context, sessions != "none",
             lambda connection: check_http2(connection, shown, tokens, server))


# certificate of whom -> the clients that it speaks for
SPEAKS_FOR = {"reports": "dn", "batch": "batch"}
WRONG = {"dn": "client_untrusted", "batch": "client_certificate_unregistered"}


@VERSIONS
@pytest.mark.parametrize("label", ["reports", "batch", "impostor", "mask", "batch_twin", "nobody"])
def test_client(server, pki, client_pki, sessions, version, label):
    certificate = getattr(client_pki, label, None)

    def check(connection):
        for client, wrong in WRONG.items():
            answer = post(connection, "/token/secret.txt", form(client))
            if SPEAKS_FOR.get(label) == client:
                authenticated(answer, client, certificate, method=answer.header("X-Client-Auth-Method"))
            else:
                client_refused(answer, wrong if certificate else "client_certificate_missing")
    in_turns(lambda one, session: Connection(server.port, "localhost", one, session),
             tls_context(pki.authority.path, certificate, version), sessions != "none", check)


@VERSIONS
@pytest.mark.parametrize("label", ["reports", "batch", "impostor", "nobody"])
def test_client_over_http2(server, pki, client_pki, mpm, sessions, version, label):
    if mpm == "prefork":
        pytest.skip("mod_http2 refuses the prefork MPM: test_bearer_over_http2")
    certificate = getattr(client_pki, label, None)

    def check(connection):
        for client, wrong in WRONG.items():
            server.new_lines()
            body = connection.request("/token/secret.txt", method="POST", headers=(("content-type", FORM_TYPE),), body=form(client))
            refusals = [line.split()[1] for line in server.refusals()]
            if SPEAKS_FOR.get(label) == client:
                assert body == b"the secret\n" and not refusals, (body, refusals)
            else:
                assert b'"invalid_client"' in body and refusals == [wrong if certificate else "client_certificate_missing"], (body, refusals)
    in_turns(lambda one, session: Http2Connection(server.port, "localhost", one, session),
             tls_context(pki.authority.path, certificate, version), sessions != "none", check)


# ---- In mid-connection ----

@pytest.fixture(scope="module")
def changing(launch, jwks, mpm, ours):
    """The server of test_connection_certificate, of each MPM and order."""
    text = issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS required") + mid_connection.TEXT
    return launch("StartServers 1\n", [Host(text), Host(text, name="late.example.test", verify="none")], level="trace1", mpm=mpm, ours=ours)


def test_renegotiation(changing, pki, tokens):
    mid_connection.test_replaced_by_renegotiation(changing, pki, tokens)


def test_post_handshake_authentication(changing, pki, tokens):
    mid_connection.test_added_after_the_handshake(changing, pki, tokens)


@VERSIONS
def test_unproven_certificate(changing, pki, tokens, work, version):
    mid_connection.test_unproven_certificate(changing, pki, tokens, work, version)


def test_certificate_of_the_connection(changing, launch, pki, tokens):
    mid_connection.test_taken_from_the_connection(changing, launch, pki, None, tokens)


def test_no_change_over_http2(server, pki, tokens, mpm):
    """HTTP/2 forbids both ways of a new certificate (RFC 8740, RFC 9113 section 9.2): a Location that asks for one is closed to it."""
    if mpm == "prefork":
        pytest.skip("mod_http2 refuses the prefork MPM")
    for version in ("1.2", "1.3"):
        connection = Http2Connection(server.port, "late.example.test", tls_context(pki.authority.path, pki.owner, version))
        for _ in range(2):
            try:
                assert b"the secret" not in connection.request("/late/secret.txt", tokens["owner"])
            except (AssertionError, EOFError, OSError) as fault:
                # an answer, or the end of the stream or the connection: HTTP_1_1_REQUIRED
                assert "the secret" not in str(fault), fault
                break
        connection.close()


# ---- Without mod_ssl ----

def test_without_tls(launch, text, mpm, ours, jwks, tokens):
    """No mod_ssl: no certificate, and no token over clear text unless the Location says so."""
    plain_text = (issuer(ISSUER, jwks) + location("/api") + 'Alias "/open" "{root}/api"\n' + location("/open", "MTLSOAuthRequireTLS off"))
    server = launch(hosts=[Host(plain_text, tls=False)], mpm=mpm, ours=ours, without=("ssl", "http2"))
    connection = Connection(server.plain_port, "localhost")
    for _ in range(2):
        for token in tokens.values():
            refused(connection.request("/api/secret.txt", token), "tls_required")
        admitted(connection.request("/open/secret.txt", tokens["nobody"]))
        refused(connection.request("/open/secret.txt", tokens["owner"]), "certificate_missing")
    connection.close()


# ---- Many virtual hosts ----

HOSTS = 200


@pytest.fixture(scope="module")
def many(launch, mpm, jwks, client_pki):
    def host(number):
        return (issuer(f"https://issuer-{number}.example.test", jwks, "MTLSOAuthUseMutualTLS required") + location("/api")
                + f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name(f"client-{number}", "dn", SUBJECT)
                + 'Alias "/token" "{root}/api"\n' + endpoint("/token") + "SSLVerifyDepth 5\n")
    pages = '<Location "/metrics">\nSetHandler mtls-oauth-metrics\nRequire local\n</Location>\n'
    return launch(hosts=[Host(host(number) + (pages if number == 0 else ""), name=f"host-{number}.example.test") for number in range(HOSTS)],
                  mpm=mpm, without=())


def test_many_hosts(many, pki, client_pki, key):
    """Each of 200 virtual hosts knows its own issuer and client, and none of the others'; also after a reload."""
    owner, thief, reports = (tls_context(pki.authority.path, one) for one in (pki.owner, pki.thief, client_pki.reports))
    for turn in range(2):
        for number in range(HOSTS):
            name, after = f"host-{number}.example.test", (number + 1) % HOSTS
            token = mint(key, claims(f"https://issuer-{number}.example.test", cnf=bound_to(pki.owner)))
            foreign = mint(key, claims(f"https://issuer-{after}.example.test", cnf=bound_to(pki.owner)))
            mine, theirs, client = (Connection(many.port, name, context) for context in (owner, thief, reports))
            admitted(mine.request("/api/secret.txt", token), binding="bound")
            refused(mine.request("/api/secret.txt", foreign), "issuer_unknown", realm=name)
            refused(theirs.request("/api/secret.txt", token), "certificate_mismatch", realm=name)
            authenticated(post(client, "/token/secret.txt", form(f"client-{number}")), f"client-{number}", client_pki.reports)
            client_refused(post(client, "/token/secret.txt", form(f"client-{after}")), "client_unknown")
            for one in (mine, theirs, client):
                one.close()
        if turn == 0:
            many.reload()
    metrics = Connection(many.port, "host-0.example.test", owner)
    told = metrics.request("/metrics").body.decode()
    metrics.close()
    # there are more hosts, issuers and clients than counters: the rest is counted together, and nothing twice
    assert 'server="(others)"' in told
    assert sum(int(line.split()[-1]) for line in told.splitlines() if line.startswith("mtls_oauth_requests_admitted_total")) == 2 * HOSTS
