"""Chains, purposes, times and CRLs: the module verifies them itself, for clients and for bound tokens."""

import datetime
import ssl
import tempfile
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.client_pki import NAMES, SUBJECT
from support.clients import SELF, authenticated, by_name, endpoint, form, once, post, refused, section
from support.clock import ClockedHttpd
from support.key_life import eventually
from support.server import Host
from support.tokens import bound_to, claims, mint

PATH = "/token/secret.txt"
ISSUER = "https://trust.example.test"
MINUTE = datetime.timedelta(minutes=1)


class Trust:
    """One trust of the table: its CA file and its CRL file."""

    def __init__(self, ca, crl=None):
        self.ca = ca
        self.crl = crl

    def lines(self, what):
        said = [f'MTLSOAuth{what}CACertificateFile "{self.ca}"']
        return said + ([f'MTLSOAuth{what}CRLFile "{self.crl}"'] if self.crl else [])


@pytest.fixture(scope="module")
def people(client_pki):
    """Certificates with the subject of `reports`, each with something of its own."""
    pki = client_pki
    second = pki.authority("second-issuing", pki.root)
    deep = pki.authority("deep-issuing", second)
    stray = pki.authority("stray-root")
    return {"good": pki.reports, "sibling": pki.client("sibling", SUBJECT), "by second": pki.client("by-second", SUBJECT, issuer=second),
            "by deep": pki.client("by-deep", SUBJECT, issuer=deep), "by root": pki.client("by-root", SUBJECT, issuer=pki.root),
            "any purpose": pki.client("any-purpose", SUBJECT, usage=None), "foreign": pki.impostor,
            "foreign, unmarked": pki.client("unmarked", SUBJECT, issuer=pki.foreign_issuing, key_ids=False), "self-signed": pki.mask,
            "a CA": pki.authority("a-ca", pki.issuing, SUBJECT), "by a leaf": pki.client("by-a-leaf", SUBJECT, issuer=pki.billing),
            "by stray": pki.client("by-stray", SUBJECT, issuer=stray), "second": second, "deep": deep, "stray": stray}


@pytest.fixture(scope="module")
def trusts(client_pki, people):
    """name of a client -> what is trusted for it."""
    pki, root, issuing = client_pki, client_pki.root, client_pki.issuing
    second, deep = people["second"], people["deep"]
    own = {"both": pki.crl(root), "issuing": pki.crl(issuing)}

    def crl(label, *texts):
        return pki.crl_file(label, *texts)
    late = {"begins": -datetime.timedelta(days=3), "ends": -MINUTE}
    return {
        "plain": Trust(pki.ca_file), "root-alone": Trust(pki.bundle("root-alone", root)),
        "issuing-alone": Trust(pki.bundle("issuing-alone", issuing)),
        "all": Trust(pki.bundle("all", deep, root, second, issuing)),
        "two-roots": Trust(pki.bundle("two-roots", people["stray"], root, issuing)),
        "crl": Trust(pki.ca_file, crl("fresh", *own.values())),
        "crl-swapped": Trust(pki.ca_file, crl("swapped", own["issuing"], own["both"])),
        "crl-other": Trust(pki.ca_file, crl("other", own["both"], pki.crl(issuing, people["sibling"]))),
        "crl-revoked": Trust(pki.ca_file, crl("revoked", own["both"], pki.crl(issuing, people["good"], people["sibling"]))),
        "crl-ca-revoked": Trust(pki.ca_file, crl("ca-revoked", pki.crl(root, issuing), own["issuing"])),
        "crl-expired": Trust(pki.ca_file, crl("expired", own["both"], pki.crl(issuing, **late))),
        "crl-root-expired": Trust(pki.ca_file, crl("root-expired", pki.crl(root, **late), own["issuing"])),
        "crl-future": Trust(pki.ca_file, crl("future", own["both"], pki.crl(issuing, begins=2 * MINUTE))),
        "crl-expired-and-fresh": Trust(pki.ca_file, crl("expired-and-fresh", own["both"], pki.crl(issuing, **late), own["issuing"])),
        "crl-second-missing": Trust(pki.bundle("crl-second-missing", root, issuing, second), crl("no-second", *own.values())),
        "crl-forged": Trust(pki.ca_file, crl("forged", own["both"], pki.crl(pki.foreign_issuing))),
    }


@pytest.fixture(scope="module")
def server(launch, trusts, jwks):
    text = "".join(by_name(name, "dn", SUBJECT, *trust.lines("Client")) for name, trust in trusts.items())
    # what is no file for a client of its own is the server's
    text += f'MTLSOAuthClientCACertificateFile "{trusts["all"].ca}"\n' + by_name("server", "dn", SUBJECT)
    text += 'Alias "/token" "{root}/api"\n' + endpoint("/token")
    for name, trust in trusts.items():
        text += issuer(f"{ISSUER}/{name}", jwks, *trust.lines("Binding"), f"MTLSOAuthRemoteUserSuffix @{name}")
    # mod_ssl ends handshakes with longer chains than that, whatever SSLVerifyClient says
    return launch("SSLVerifyDepth 4\n", hosts=[Host(text + location("/api"))])


UNTRUSTED, REVOKED = "untrusted", "revoked"

# trust, certificate -> what is wrong with it, None: nothing
ROWS = [("plain", "good", None), ("plain", "sibling", None), ("plain", "by root", None), ("plain", "any purpose", None),
        ("plain", "foreign", UNTRUSTED), ("plain", "foreign, unmarked", UNTRUSTED), ("plain", "self-signed", UNTRUSTED),
        ("plain", "by second", UNTRUSTED),
        ("plain", "by deep", UNTRUSTED), ("plain", "by stray", UNTRUSTED), ("plain", "a CA", UNTRUSTED), ("plain", "by a leaf", UNTRUSTED),
        ("root-alone", "by root", None), ("root-alone", "good", UNTRUSTED),
        ("issuing-alone", "good", None), ("issuing-alone", "by root", UNTRUSTED),
        ("all", "good", None), ("all", "by second", None), ("all", "by deep", None), ("all", "by stray", UNTRUSTED),
        ("two-roots", "by stray", None), ("two-roots", "good", None), ("two-roots", "foreign", UNTRUSTED),
        ("crl", "good", None), ("crl", "by root", None), ("crl", "foreign", UNTRUSTED),
        ("crl", "foreign, unmarked", UNTRUSTED), ("crl-swapped", "good", None),
        ("crl-other", "good", None), ("crl-other", "sibling", REVOKED), ("crl-revoked", "good", REVOKED),
        ("crl-revoked", "by root", None), ("crl-ca-revoked", "good", REVOKED), ("crl-ca-revoked", "by root", None),
        ("crl-expired", "good", UNTRUSTED), ("crl-expired", "by root", None), ("crl-root-expired", "good", UNTRUSTED),
        ("crl-root-expired", "by root", UNTRUSTED), ("crl-future", "good", UNTRUSTED), ("crl-expired-and-fresh", "good", None),
        ("crl-second-missing", "by second", UNTRUSTED), ("crl-second-missing", "good", None), ("crl-forged", "good", UNTRUSTED)]


@pytest.mark.parametrize("trust, shown, wrong", ROWS)
def test_client(server, connect, people, trust, shown, wrong):
    """C4, C7: whatever is wrong with the chain, one refusal; the detail in the log says what."""
    server.new_lines()
    answer = post(connect(server, people[shown]), PATH, form(trust))
    if wrong is None:
        authenticated(answer, trust, people[shown])
        return
    refused(answer, "client_untrusted")
    (line,) = server.refusals()
    assert wrong == UNTRUSTED or "CRL" in line, line


@pytest.mark.parametrize("trust, shown, wrong", ROWS)
def test_bound_token(server, connect, people, key, trust, shown, wrong):
    """MTLSOAuthBindingCACertificateFile: of a certificate that is the token's, what is wrong with its chain."""
    certificate = people[shown]
    answer = connect(server, certificate).request("/api/secret.txt", mint(key, claims(f"{ISSUER}/{trust}", cnf=bound_to(certificate))))
    if wrong is None:
        assert (answer.status, answer.binding) == (200, "bound"), answer
    else:
        token_refused(answer, f"certificate_{wrong}")


def token_refused(answer, code):
    assert (answer.status, answer.refusal, answer.user) == (401, code, None), answer
    assert 'error="invalid_token", error_description="The access token is not bound' in answer.challenge, answer


def test_only_a_matching_certificate_is_asked_for_its_chain(server, connect, people, client_pki, key):
    """Cell M of the binding table alone: other cells are as they were, unbound tokens too."""
    def ask(cnf, certificate):
        changes = {"cnf": cnf} if cnf else {}
        return connect(server, certificate).request("/api/secret.txt", mint(key, claims(f"{ISSUER}/crl-revoked", **changes)))
    good, foreign = people["good"], people["foreign"]
    for certificate in (None, good, foreign):
        answer = ask(None, certificate)
        assert (answer.status, answer.binding) == (200, "unbound"), answer
    token_refused(ask(bound_to(good), foreign), "certificate_mismatch")
    token_refused(ask(bound_to(foreign), good), "certificate_mismatch")
    token_refused(ask(bound_to(good), None), "certificate_missing")
    token_refused(ask(bound_to(good), good), "certificate_revoked")
    token_refused(ask(bound_to(foreign), foreign), "certificate_untrusted")
    token_refused(ask({"jkt": "x"}, good), "binding_unsupported")


def test_client_of_the_servers_trust(server, connect, people):
    """A client without a CA file of its own has that of its server."""
    authenticated(post(connect(server, people["by deep"]), PATH, form("server")), "server", people["by deep"])
    refused(post(connect(server, people["by stray"]), PATH, form("server")), "client_untrusted")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_certificate_of_a_tls_server(server, pki, client_pki, version):
    """Extended key usage serverAuth alone: refused in the handshake already, or here."""
    certificate = client_pki.client(f"server-only-{version}", SUBJECT, NAMES, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    try:
        answer = once(server, pki, certificate, PATH, form("plain"), version=version)
    except (ssl.SSLError, ConnectionError):
        return
    refused(answer, "client_untrusted")


@pytest.mark.parametrize("certificate", ["ended", "not begun"])
def test_certificate_outside_of_its_time(server, pki, client_pki, certificate):
    """Refused in the handshake already, or here."""
    times = {"ended": {"begins": -2 * MINUTE, "ends": -MINUTE}, "not begun": {"begins": 60 * MINUTE, "ends": 120 * MINUTE}}
    shown = client_pki.client(certificate.replace(" ", "-"), SUBJECT, **times[certificate])
    try:
        answer = once(server, pki, shown, PATH, form("plain"))
    except (ssl.SSLError, ConnectionError):
        return
    refused(answer, "client_untrusted")


def test_what_the_client_sends_along_is_not_used(server, pki, client_pki, people):
    """The chain is built from the file alone, since a resumed session shows no more than the leaf."""
    leaf = people["by second"]
    chain = client_pki.chain("with-second", leaf, leaf, people["second"], client_pki.root)
    refused(once(server, pki, chain, PATH, form("plain")), "client_untrusted")
    authenticated(once(server, pki, chain, PATH, form("all")), "all", leaf)


# ---- Time ----

@pytest.fixture
def clocked(work, pki):
    """A server whose clock a test can set; ends with the test."""
    started = []

    def start(text):
        directory = Path(tempfile.mkdtemp(dir=work))
        directory.chmod(0o755)
        started.append(ClockedHttpd(directory, pki, hosts=[Host("KeepAliveTimeout 86400\n" + text)], level="info").start())
        return started[-1]
    yield start
    for server in started:
        server.stop()


def test_time_goes_by(clocked, pki, client_pki, jwks, key):
    """A connection that stays open, a verdict that was good: both end with the certificate, and with the CRL."""
    short = client_pki.client("short", SUBJECT, ends=10 * MINUTE)
    crl = client_pki.crl_file("ends-soon", client_pki.crl(client_pki.root), client_pki.crl(client_pki.issuing, ends=5 * MINUTE))
    with_crl = Trust(client_pki.ca_file, crl)
    server = clocked(by_name("certificate", "dn", SUBJECT, *Trust(client_pki.ca_file).lines("Client"))
                     + by_name("list", "dn", SUBJECT, *with_crl.lines("Client")) + endpoint("/token")
                     + issuer(ISSUER, jwks, *Trust(client_pki.ca_file).lines("Binding")) + issuer(ISSUER + "/list", jwks,
                         *with_crl.lines("Binding"))
                     + location("/api") + 'Alias "/token" "{root}/api"\n')
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, short))
    tokens = {name: mint(key, claims(name, cnf=bound_to(short), exp=4102444800)) for name in (ISSUER, ISSUER + "/list")}

    def ask(name):
        return connection.request("/api/secret.txt", tokens[name])
    for _ in range(2):
        authenticated(post(connection, PATH, form("certificate")), "certificate", short)
        authenticated(post(connection, PATH, form("list")), "list", short)
        assert ask(ISSUER).status == ask(ISSUER + "/list").status == 200
    server.set_clock(6 * 60)
    authenticated(post(connection, PATH, form("certificate")), "certificate", short)
    refused(post(connection, PATH, form("list")), "client_untrusted")
    assert ask(ISSUER).status == 200
    token_refused(ask(ISSUER + "/list"), "certificate_untrusted")
    server.set_clock(11 * 60)
    refused(post(connection, PATH, form("certificate")), "client_untrusted")
    token_refused(ask(ISSUER), "certificate_expired")
    server.set_clock(0)
    authenticated(post(connection, PATH, form("list")), "list", short)
    assert connection.opened == 1
    connection.close()


def test_self_signed_client_has_no_time(clocked, pki, client_pki):
    """RFC 8705 section 2.2: the certificate is the registration; who wants it to end takes it away."""
    short = client_pki.self_signed("short-self", ends=5 * MINUTE)
    server = clocked(section("short", f'MTLSOAuthClientCertificateFile "{short.path}"') + endpoint("/token") + 'Alias "/token" "{root}/api"\n')
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, short))
    for ahead in (0, 6 * 60):
        server.set_clock(ahead)
        authenticated(post(connection, PATH, form("short")), "short", short, SELF)
    connection.close()


def test_resumed_after_the_end(clocked, pki, client_pki):
    """A session that is resumed after its certificate ended shows the certificate again, and nobody verified it."""
    short = client_pki.client("short-session", SUBJECT, ends=2 * MINUTE)
    server = clocked(by_name("reports", "dn", SUBJECT, *Trust(client_pki.ca_file).lines("Client")) + endpoint("/token")
                     + 'Alias "/token" "{root}/api"\n')
    context = tls_context(pki.authority.path, short, "1.2")
    first = Connection(server.port, "localhost", context)
    authenticated(post(first, PATH, form("reports")), "reports", short)
    server.set_clock(150)
    second = Connection(server.port, "localhost", context, session=first.tls.session)
    first.close()
    try:
        refused(post(second, PATH, form("reports")), "client_untrusted")
    except (ssl.SSLError, ConnectionError):
        return  # no resumption, and a full handshake does not come here
    finally:
        second.close()


# ---- What a token's report says ----

def test_report(launch, connect, people, client_pki, jwks, key):
    """MTLSOAuthReportMutualTLS decides about chains as well, and changes nothing."""
    revoked = client_pki.crl_file("report", client_pki.crl(client_pki.root), client_pki.crl(client_pki.issuing, people["good"]))
    text = issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS none", "MTLSOAuthReportMutualTLS request",
                  *Trust(client_pki.ca_file, revoked).lines("Binding")) + location("/api")
    server = launch(hosts=[Host(text)])
    for shown, reported in (("good", "certificate_revoked"), ("foreign", "certificate_untrusted"), ("sibling", None)):
        certificate = people[shown]
        answer = connect(server, certificate).request("/api/secret.txt", mint(key, claims(ISSUER, cnf=bound_to(certificate))))
        assert (answer.status, answer.reported) == (200, reported), answer
    assert sum("reported certificate_revoked" in line for line in server.lines()) == 1


def test_binding_trust_of_the_server(launch, connect, people, client_pki, jwks, key):
    """Said on a server it holds for its issuers; one that names a CA file of its own has that one and its own CRL."""
    main = "\n".join(Trust(client_pki.ca_file).lines("Binding")) + "\n"
    text = issuer(ISSUER, jwks) + issuer(ISSUER + "/own", jwks, *Trust(people["stray"].path).lines("Binding")) + location("/api")
    server = launch(main, hosts=[Host(text)])
    for iss, shown, code in ((ISSUER, "good", None), (ISSUER, "by stray", "certificate_untrusted"),
                             (ISSUER + "/own", "by stray", None), (ISSUER + "/own", "good", "certificate_untrusted")):
        certificate = people[shown]
        answer = connect(server, certificate).request("/api/secret.txt", mint(key, claims(iss, cnf=bound_to(certificate))))
        if code:
            token_refused(answer, code)
        else:
            assert (answer.status, answer.binding) == (200, "bound"), answer


def test_revocation_is_seen_while_a_token_is_warm(launch, connect, people, client_pki, jwks, key):
    """A token that was admitted many times ends soon after its certificate is on a CRL."""
    home = client_pki.directory
    crl = client_pki.crl_file("warm", client_pki.crl(client_pki.root), client_pki.crl(client_pki.issuing))
    text = issuer(ISSUER, jwks, *Trust(client_pki.ca_file, crl).lines("Binding")) + location("/api")
    server = launch(hosts=[Host(text)])
    token = mint(key, claims(ISSUER, cnf=bound_to(people["good"])))
    for _ in range(10):
        assert connect(server, people["good"]).request("/api/secret.txt", token).status == 200
    client_pki.crl_file("warm-new", client_pki.crl(client_pki.root), client_pki.crl(client_pki.issuing, people["good"]))
    (home / "warm-new.crl").rename(crl)
    eventually(lambda: token_refused(connect(server, people["good"]).request("/api/secret.txt", token), "certificate_revoked"))
    other = mint(key, claims(ISSUER, cnf=bound_to(people["sibling"])))
    assert connect(server, people["sibling"]).request("/api/secret.txt", other).status == 200
