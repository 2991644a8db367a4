"""Both methods in one virtual host under optional_no_ca: resumed sessions, foreign certificates with the victim's names, odd chains."""

import ssl

import pytest

from support import http2
from support.client import Connection, tls_context
from support.client_pki import DNS, EMAIL, IP, NAMES, SUBJECT, URI, key_that_claims
from support.clients import CA, FORM_TYPE, SELF, authenticated, by_name, endpoint, form, once, post, refused, section
from support.http2 import Stream
from support.server import Host

PATH = "/api/secret.txt"
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
KINDS = {"dn": SUBJECT, "dns": DNS, "uri": URI, "ip": IP, "email": EMAIL}


@pytest.fixture(scope="module")
def text(client_pki):
    # mod_ssl ends handshakes with longer chains than SSLVerifyDepth, whatever SSLVerifyClient says
    return (f'SSLVerifyDepth 5\nMTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n'
            + "".join(by_name(kind, kind, value) for kind, value in KINDS.items())
            + section("batch", f'MTLSOAuthClientCertificateFile "{client_pki.batch.path}"') + endpoint("/api"))


@pytest.fixture(scope="module")
def servers(launch, pki, client_pki, text):
    """By what SSLSessionTickets says; mod_ssl knows the clients' CA in one and not in the other."""
    trusted = f'SSLCACertificateFile "{client_pki.bundle("mod-ssl", pki.authority, client_pki.root, client_pki.issuing)}"\n'
    return {"on": launch("SSLSessionTickets on\n", hosts=[Host(trusted + text)], without=()),
            "off": launch("SSLSessionTickets off\n", hosts=[Host(text)], without=())}


@pytest.fixture(scope="module")
def people(pki, client_pki):
    """Who may come: the two clients, and everybody who would like to be one of them."""
    borrowed = client_pki.client("borrowed-ca", SUBJECT, NAMES, issuer=pki.authority)
    return {"reports": client_pki.reports, "batch": client_pki.batch, "foreign CA": client_pki.impostor, "self-signed": client_pki.mask,
            "CA of mod_ssl": borrowed, "batch, other key": client_pki.batch_twin, "batch, renewed": client_pki.batch_renewed,
            "nobody": None}


# certificate -> the client_ids it speaks for; what the others are told by method
SPEAKS_FOR = {"reports": set(KINDS), "batch": {"batch"}}
WRONG = {"tls": "client_untrusted", "self": "client_certificate_unregistered"}


def expect(answer, client, label, people):
    certificate = people[label]
    if client in SPEAKS_FOR.get(label, ()):
        authenticated(answer, client, certificate, SELF if client == "batch" else CA)
    elif certificate is None:
        refused(answer, "client_certificate_missing")
    else:
        refused(answer, WRONG["self" if client == "batch" else "tls"])


PEOPLE = ["reports", "batch", "foreign CA", "self-signed", "CA of mod_ssl", "batch, other key", "batch, renewed", "nobody"]


@VERSIONS
@pytest.mark.parametrize("tickets", ["on", "off"])
@pytest.mark.parametrize("label", PEOPLE)
def test_full_and_resumed_session(servers, pki, people, tickets, version, label):
    """A resumed session is its own certificate's, with a verdict of its own: never mod_ssl's, never an earlier one's."""
    server = servers[tickets]
    context = tls_context(pki.authority.path, people[label], version)
    first = Connection(server.port, "localhost", context)
    for client in (*KINDS, "batch"):
        expect(post(first, PATH, form(client)), client, label, people)
    session = first.tls.session
    first.close()
    for _ in range(2):
        second = Connection(server.port, "localhost", context, session=session)
        for client in (*KINDS, "batch"):
            expect(post(second, PATH, form(client)), client, label, people)
        assert second.tls.session_reused
        second.close()


@VERSIONS
def test_victim_and_attacker_take_turns(servers, pki, people, version):
    """Verdicts are remembered by certificate and not by its names, in every process, before and after the victim was seen."""
    contexts = {label: tls_context(pki.authority.path, people[label], version) for label in PEOPLE}
    for _ in range(3):
        for label, context in contexts.items():
            connection = Connection(servers["on"].port, "localhost", context)
            for client in ("dn", "batch"):
                expect(post(connection, PATH, form(client)), client, label, people)
            assert connection.opened == 1
            connection.close()


@VERSIONS
def test_streams(servers, pki, people, version):
    """HTTP/2: the certificate is that of the streams' connection."""
    server = servers["on"]
    for label in ("reports", "batch", "foreign CA", "nobody"):
        clients = ["dn", "batch", "uri"] * 4
        streams = [Stream(PATH, headers=(("Content-Type", FORM_TYPE),), body=form(client)) for client in clients]
        answers, connections = http2.fetch(server.directory, pki.authority.path, server.port, "localhost", streams, people[label],
                                           tls=version)
        assert connections == 1
        for client, answer in zip(clients, answers):
            expect(answer, client, label, people)


# what an attacker sends behind the own certificate
EXTRA = {"the victim": ["reports"], "the victim's chain": ["reports", "issuing", "root"], "CAs first": ["root", "issuing", "reports"],
         "the other client": ["batch"], "everybody": ["foreign_issuing", "batch", "reports", "issuing"]}


@VERSIONS
@pytest.mark.parametrize("extra", EXTRA.values(), ids=EXTRA)
def test_extra_certificates(servers, pki, client_pki, people, version, extra):
    """Only the leaf speaks, whoever else is in the chain."""
    for number, (label, leaf) in enumerate((("foreign CA", client_pki.impostor), ("CA of mod_ssl", people["CA of mod_ssl"]))):
        chain = client_pki.chain(f"attacker-{number}", leaf, leaf, *(getattr(client_pki, name) for name in extra))
        for client in ("dn", "batch"):
            expect(once(servers["off"], pki, chain, PATH, form(client), version=version), client, label, people)


@VERSIONS
def test_order_of_the_victims_own_chain(servers, pki, client_pki, version):
    """What stands behind the leaf, and in which order, makes no difference to the client either."""
    for number, extra in enumerate((["issuing"], ["issuing", "root"], ["root", "issuing"], ["foreign_issuing"])):
        chain = client_pki.chain(f"victim-{number}", client_pki.reports, client_pki.reports, *(getattr(client_pki, name) for name in extra))
        authenticated(once(servers["off"], pki, chain, PATH, form("dn"), version=version), "dn", client_pki.reports)


@VERSIONS
@pytest.mark.parametrize("victim, client", [("reports", "dn"), ("batch", "batch")])
def test_leaf_that_is_not_the_key_s(servers, pki, client_pki, version, victim, client):
    """The victim's certificate first, and a signature by the attacker's key: the handshake ends there."""
    leaf = getattr(client_pki, victim)
    key = key_that_claims(client_pki.directory, client_pki.impostor, leaf)
    chain = client_pki.chain(f"forged-{victim}", key, leaf, client_pki.impostor)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        once(servers["off"], pki, chain, PATH, form(client), version=version)
    chain = client_pki.chain(f"proved-{victim}", leaf, leaf, client_pki.impostor)
    authenticated(once(servers["off"], pki, chain, PATH, form(client), version=version), client, leaf, SELF if client == "batch" else CA)


@pytest.mark.parametrize("verify, label, wanted", [
    ("optional", "reports", "handshake"), ("optional", "nobody", "client_certificate_missing"),
    ("none", "reports", "client_certificate_missing"),
    ("require", "nobody", "handshake"), ("optional", "CA of mod_ssl", "client_untrusted")])
def test_other_settings_of_mod_ssl(launch, pki, people, text, verify, label, wanted):
    """What SSLVerifyClient lets through is judged the same; it makes nobody a client."""
    server = launch(hosts=[Host(text, verify=verify)])
    if wanted == "handshake":
        with pytest.raises((ssl.SSLError, ConnectionError)):
            once(server, pki, people[label], PATH, form("dn"))
    else:
        refused(once(server, pki, people[label], PATH, form("dn")), wanted)
