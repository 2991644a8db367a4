"""Files of clients, CAs and CRLs that change while the server runs: read again within seconds, a broken one keeps the last good."""

import json
import os
import re
import time

import pytest

from support.client import Connection, tls_context
from support.client_pki import SUBJECT, certificate_jwk
from support.clients import CA, SELF, authenticated, by_name, endpoint, form, named, post, refused, section, with_keys, write_json
from support.key_life import STEADY, children, eventually
from support.server import Host

PATH = "/api/secret.txt"

# what a broken new file says: more kinds are tried by configtest
BROKEN = {"cut": '[{"client_id": "file"', "a client of a section": json.dumps([named("section", "dn", SUBJECT)]),
          "no name": json.dumps([{"client_id": "file", "token_endpoint_auth_method": "tls_client_auth"}])}
BROKEN_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def replace(path, text, mode=0o644):
    """A new file under the old name."""
    beside = path + ".new"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(beside, mode)
    os.replace(beside, path)


class Bench:
    """A server whose clients come from files of its own."""

    def __init__(self, make_httpd, home, pki, client_pki, main=""):
        self._pki = pki
        self.file = write_json(home / "clients.json", [named("file", "dn", SUBJECT)])
        self.certificate, self.jwks, self.ca, self.crl = (str(home / name) for name in ("batch.pem", "batch.jwks", "ca.pem", "ca.crl"))
        self.lists = [client_pki.crl(client_pki.root), client_pki.crl(client_pki.issuing)]
        self._write(client_pki)
        text = (f'MTLSOAuthClientsFile "{self.file}"\nMTLSOAuthClientCACertificateFile "{self.ca}"\nMTLSOAuthClientCRLFile "{self.crl}"\n'
                + by_name("section", "dn", SUBJECT) + section("pem", f'MTLSOAuthClientCertificateFile "{self.certificate}"')
                + section("jwks", f'MTLSOAuthClientJWKSFile "{self.jwks}"', "MTLSOAuthClientKeyID batch") + endpoint("/api"))
        self.server = make_httpd(STEADY + main, [Host(text)]).start()
        self.server.new_lines()

    def _write(self, client_pki):
        replace(self.certificate, client_pki.batch.pem)
        write_json(self.jwks, {"keys": [certificate_jwk(client_pki.batch)]})
        replace(self.crl, "".join(self.lists))
        replace(self.ca, client_pki.root.pem + client_pki.issuing.pem)

    def restore(self, client_pki):
        """The files of certificates as they were; returns when that holds."""
        self._write(client_pki)
        self.everywhere(lambda: self.good("pem", client_pki.batch, SELF), lambda: self.good("jwks", client_pki.batch, SELF),
                        lambda: self.good("file", client_pki.reports))
        self.server.new_lines()

    def ask(self, client, certificate):
        connection = Connection(self.server.port, "localhost", tls_context(self._pki.authority.path, certificate))
        try:
            return post(connection, PATH, form(client))
        finally:
            connection.close()

    def good(self, client, certificate, method="tls_client_auth"):
        authenticated(self.ask(client, certificate), client, certificate, method)

    def bad(self, client, certificate, code):
        refused(self.ask(client, certificate), code)

    def everywhere(self, *checks):
        """Soon, and then in every process."""
        for check in checks:
            eventually(check)
        time.sleep(1.2)
        for _ in range(4):
            for check in checks:
                check()

    def error_lines(self, *paths):
        """The first error line about each of these files, soon; there are none about others."""
        found = {}

        def look():
            for line in self.server.new_lines():
                if ":error]" in line:
                    path = next(path for path in (self.file, self.certificate, self.ca, self.crl, self.jwks) if path in line)
                    assert path in paths, line
                    found.setdefault(path, line)
            assert set(found) == set(paths)
        eventually(look)
        return [found[path].rsplit(path, 1)[-1] for path in paths]


@pytest.fixture(scope="module")
def bench(make_httpd, work, pki, client_pki):
    home = work / "client-files"
    home.mkdir()
    made = Bench(make_httpd, home, pki, client_pki)
    yield made
    made.server.stop()


def test_clients_file(bench, client_pki):
    """Clients come, change and go; sections stay."""
    reports, batch = client_pki.reports, client_pki.batch
    bench.good("file", reports)
    bench.bad("new", batch, "client_unknown")
    replace(bench.file, json.dumps([named("file", "dns", "billing.example.test"), with_keys("new", certificate_jwk(batch))]))
    bench.everywhere(lambda: bench.good("new", batch, SELF), lambda: bench.bad("file", reports, "client_subject_mismatch"))
    bench.good("file", client_pki.billing)
    bench.good("section", reports)
    replace(bench.file, "[]")
    bench.everywhere(lambda: bench.bad("file", reports, "client_unknown"))
    bench.good("section", reports)
    replace(bench.file, json.dumps([named("file", "dn", SUBJECT)]))
    bench.everywhere(lambda: bench.good("file", reports))


def test_broken_clients_file(bench, client_pki):
    """A broken file, or none, keeps the last good one and is an error line that names the file and says why."""
    for label, text in BROKEN.items():
        bench.server.new_lines()
        replace(bench.file, text)
        (said,) = bench.error_lines(bench.file)
        assert re.search(r"\w{3,}", said), (label, said)
        bench.good("file", client_pki.reports)
    bench.good("section", client_pki.reports)
    os.unlink(bench.file)
    bench.error_lines(bench.file)
    bench.good("file", client_pki.reports)
    replace(bench.file, json.dumps([named("file", "dn", SUBJECT), named("mended", "dn", SUBJECT)]))
    bench.everywhere(lambda: bench.good("mended", client_pki.reports))


def test_broken_files_of_certificates(bench, client_pki):
    """Each of the others likewise, all at once."""
    jwks = json.dumps({"keys": [certificate_jwk(client_pki.batch, kid="another")]})
    broken = {bench.certificate: BROKEN_PEM, bench.ca: BROKEN_PEM, bench.jwks: jwks, bench.crl: bench.lists[0].replace("M", "N", 1)}
    bench.server.new_lines()
    for path, text in broken.items():
        replace(path, text)
    said = bench.error_lines(*broken)
    assert "batch" in said[2], said
    for client, certificate, method in (("file", client_pki.reports, CA), ("section", client_pki.reports, CA),
                                        ("pem", client_pki.batch, SELF),
                                        ("jwks", client_pki.batch, SELF)):
        bench.good(client, certificate, method)
    bench.bad("file", client_pki.impostor, "client_untrusted")
    bench.restore(client_pki)


def test_broken_file_holds_up_no_other(bench, client_pki):
    """Who is taken out of one file, or revoked, is out, whatever is wrong with another file at that time."""
    bench.server.new_lines()
    replace(bench.certificate, BROKEN_PEM)
    replace(bench.ca, BROKEN_PEM)
    bench.error_lines(bench.certificate, bench.ca)
    replace(bench.file, "[]")
    replace(bench.crl, bench.lists[0] + client_pki.crl(client_pki.issuing, client_pki.reports))
    try:
        bench.everywhere(lambda: bench.bad("file", client_pki.reports, "client_unknown"),
                         lambda: bench.bad("section", client_pki.reports, "client_untrusted"))
        bench.good("pem", client_pki.batch, SELF)
    finally:
        replace(bench.file, json.dumps([named("file", "dn", SUBJECT)]))
        bench.restore(client_pki)


def test_files_of_sections(bench, client_pki):
    """A renewed certificate of a client: the new one speaks for it, the old one no longer."""
    old, new, twin = client_pki.batch, client_pki.batch_renewed, client_pki.batch_twin
    for client in ("pem", "jwks"):
        bench.good(client, old, SELF)
    replace(bench.certificate, new.pem)
    replace(bench.jwks, json.dumps({"keys": [certificate_jwk(twin, kid="batch"), certificate_jwk(old, kid="old")]}))
    bench.everywhere(lambda: bench.good("pem", new, SELF), lambda: bench.good("jwks", twin, SELF))
    for client in ("pem", "jwks"):
        bench.bad(client, old, "client_certificate_unregistered")
    bench.restore(client_pki)


def test_crl(bench, client_pki):
    """Revoked while verdicts are warm, and taken back."""
    root, issuing = bench.lists
    bench.good("file", client_pki.reports)
    replace(bench.crl, root + client_pki.crl(client_pki.issuing, client_pki.reports))
    bench.everywhere(lambda: bench.bad("file", client_pki.reports, "client_untrusted"))
    bench.bad("section", client_pki.reports, "client_untrusted")
    bench.bad("section", client_pki.billing, "client_subject_mismatch")
    replace(bench.crl, root + issuing)
    bench.everywhere(lambda: bench.good("file", client_pki.reports))


def test_ca(bench, client_pki):
    """A CA that is taken out takes its clients along."""
    second = client_pki.authority("files-second")
    other = client_pki.client("files-other", SUBJECT, issuer=second)
    bench.bad("file", other, "client_untrusted")
    replace(bench.crl, "".join(bench.lists) + client_pki.crl(second))
    replace(bench.ca, client_pki.root.pem + client_pki.issuing.pem + second.pem)
    bench.everywhere(lambda: bench.good("file", other))
    bench.good("file", client_pki.reports)
    replace(bench.ca, second.pem)
    bench.everywhere(lambda: bench.bad("file", client_pki.reports, "client_untrusted"))
    bench.good("file", other)
    bench.restore(client_pki)


def test_graceful_restart(bench, client_pki):
    """The files as they are then hold from the first request on."""
    replace(bench.file, json.dumps([named("file", "dn", SUBJECT), named("restarted", "dn", SUBJECT)]))
    bench.server.reload()
    for _ in range(4):
        bench.good("restarted", client_pki.reports)


def test_new_children(make_httpd, work, pki, client_pki):
    """A child that starts after a change has it from its first request on."""
    home = work / "client-children"
    home.mkdir()
    made = Bench(make_httpd, home, pki, client_pki, "MaxConnectionsPerChild 4\n")
    try:
        replace(made.file, json.dumps([named("changed", "dn", SUBJECT)]))
        made.everywhere(lambda: made.good("changed", client_pki.reports))
        first = children(made.server)
        end = time.monotonic() + 20
        while first & children(made.server) and time.monotonic() < end:
            made.good("changed", client_pki.reports)
        assert not first & children(made.server)
    finally:
        made.server.stop()


def test_many_clients(make_httpd, work, pki, client_pki):
    """100,000 clients: started in seconds, found at once, read again without a pause of the others."""
    file = work / "many-clients.json"
    clients = [named(f"client-{number}", "dns", f"host-{number}.example.test") for number in range(99_999)]
    write_json(file, [*clients, named("reports", "dn", SUBJECT)])
    text = f'MTLSOAuthClientsFile "{file}"\nMTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + endpoint("/api")
    server = make_httpd(STEADY, [Host(text)])
    begin = time.monotonic()
    server.start()
    try:
        assert time.monotonic() - begin < 15
        connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
        authenticated(post(connection, PATH, form("reports")), "reports", client_pki.reports)
        refused(post(connection, PATH, form("client-99998")), "client_subject_mismatch")
        write_json(file, [*clients, named("reports", "dn", SUBJECT), named("added", "dn", SUBJECT)])
        end, slowest = time.monotonic() + 15, 0.0
        while post(connection, PATH, form("added")).status != 200:
            assert time.monotonic() < end
            before = time.monotonic()
            authenticated(post(connection, PATH, form("reports")), "reports", client_pki.reports)
            slowest = max(slowest, time.monotonic() - before)
        assert slowest < 1, slowest
        connection.close()
    finally:
        server.stop()
