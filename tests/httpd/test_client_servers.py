"""Which clients and which CAs a virtual host has: its own, and of the main server what it does not say itself."""

import pytest

from support.client_pki import SUBJECT, certificate_jwk
from support.clients import SELF, authenticated, by_name, endpoint, form, named, post, refused, section, with_keys, write_json
from support.server import Host

PATH = "/api/secret.txt"
HOSTS = ["bare", "own-ca", "own-file", "own-section", "own-all"]


@pytest.fixture(scope="module")
def people(client_pki):
    elsewhere = client_pki.authority("elsewhere")
    return {"reports": client_pki.reports, "billing": client_pki.billing, "batch": client_pki.batch, "CA": elsewhere,
            "elsewhere": client_pki.client("from-elsewhere", SUBJECT, issuer=elsewhere), "twin": client_pki.batch_twin}


@pytest.fixture(scope="module")
def server(launch, client_pki, people, work):
    home = work / "client-servers"
    home.mkdir()
    main_file = write_json(home / "main.json", [named("file", "dn", SUBJECT), with_keys("file-batch", certificate_jwk(client_pki.batch))])
    own_file = write_json(home / "own.json", [named("host-file", "dn", SUBJECT)])
    main = (f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\nMTLSOAuthClientsFile "{main_file}"\n' + by_name("section", "dn",
        SUBJECT)
            + section("batch", f'MTLSOAuthClientCertificateFile "{client_pki.batch.path}"')
            + by_name("pinned", "dn", SUBJECT, f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"') + endpoint("/api"))
    own_ca = f'MTLSOAuthClientCACertificateFile "{people["CA"].path}"\n'
    own_section = section("section", f'MTLSOAuthClientCertificateFile "{people["twin"].path}"') + by_name("host-section", "dn", SUBJECT)
    texts = {"bare": "", "own-ca": own_ca, "own-file": f'MTLSOAuthClientsFile "{own_file}"\n', "own-section": own_section}
    texts["own-all"] = own_ca + texts["own-file"] + own_section
    return launch(main, hosts=[Host(text, name=f"{name}.example.test") for name, text in texts.items()])


# host, client, certificate -> None: authenticated, else the refusal
ROWS = [("bare", "section", "reports", None), ("bare", "batch", "batch", None), ("bare", "file", "reports", None),
        ("bare", "file-batch", "batch", None), ("bare", "pinned", "reports", None), ("bare", "section", "elsewhere", "client_untrusted"),
        ("bare", "host-file", "reports", "client_unknown"), ("bare", "host-section", "reports", "client_unknown"),
        # clients without a CA of their own are judged by the CA of the host they come to
        ("own-ca", "section", "elsewhere", None), ("own-ca", "section", "reports", "client_untrusted"),
        ("own-ca", "file", "elsewhere", None),
        ("own-ca", "file", "reports", "client_untrusted"), ("own-ca", "pinned", "reports", None),
        ("own-ca", "pinned", "elsewhere", "client_untrusted"),
        ("own-ca", "batch", "batch", None),
        # a file of its own takes the place of the main server's; sections stay
        ("own-file", "host-file", "reports", None), ("own-file", "file", "reports", "client_unknown"),
        ("own-file", "file-batch", "batch", "client_unknown"),
        ("own-file", "section", "reports", None),
        # a section of its own takes the place of the main server's of that ID; the others stay
        ("own-section", "section", "twin", None), ("own-section", "section", "reports", "client_certificate_unregistered"),
        ("own-section", "host-section", "reports", None), ("own-section", "batch", "batch", None), ("own-section", "file", "reports", None),
        ("own-all", "section", "twin", None), ("own-all", "host-section", "elsewhere", None),
        ("own-all", "host-section", "reports", "client_untrusted"),
        ("own-all", "host-file", "elsewhere", None), ("own-all", "file", "elsewhere", "client_unknown"),
        ("own-all", "batch", "batch", None)]


@pytest.mark.parametrize("host, client, shown, code", ROWS)
def test_client_of_a_host(server, connect, people, host, client, shown, code):
    answer = post(connect(server, people[shown], host=f"{host}.example.test"), PATH, form(client))
    if code:
        refused(answer, code)
    else:
        authenticated(answer, client, people[shown], SELF if shown in ("batch", "twin") else "tls_client_auth")


def test_host_without_any_client(launch, connect, client_pki):
    """Where nobody is registered everybody is unknown."""
    server = launch(hosts=[Host(endpoint("/api"))])
    refused(post(connect(server, client_pki.reports), PATH, form("section")), "client_unknown")


def test_one_client_under_two_names(launch, connect, client_pki):
    """A certificate may speak for several clients, each for itself."""
    server = launch(f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n', hosts=[
        Host(by_name("one", "dn", SUBJECT) + by_name("two", "dns", "reports.example.test") + endpoint("/api"))])
    for client in ("one", "two"):
        authenticated(post(connect(server, client_pki.reports), PATH, form(client)), client, client_pki.reports)
