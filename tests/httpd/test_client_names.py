"""The one name that a tls_client_auth client is registered by, compared at a live httpd; the whole tables are unit tests."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier

from support.clients import authenticated, by_name, endpoint, form, named, post, refused, write_json
from support.server import Host

PATH = "/api/secret.txt"

COUNTRY, ORGANIZATION, COMMON, MAIL = (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME, NameOID.EMAIL_ADDRESS)


def name(*attributes):
    """A subject in the order of its DER; attributes are (type, value) or (type, value, ASN.1 type)."""
    return x509.Name([x509.NameAttribute(*attribute) for attribute in attributes])


def bmp(text):
    return text, _ASN1Type.BMPString


EXAMPLE = name((COUNTRY, "DE"), (ORGANIZATION, "Example Corp"), (COMMON, "reports"))
MULTI = x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(COUNTRY, "DE")]),
                   x509.RelativeDistinguishedName([x509.NameAttribute(COMMON, "reports"),
                                                   x509.NameAttribute(NameOID.USER_ID, "7")])])
ADDRESS = ipaddress.ip_address

# label -> (subject, alternative names) of a certificate of the issuing CA
CERTIFICATES = {
    "example": (EXAMPLE, ()),
    "lower": (name((COUNTRY, "de"), (ORGANIZATION, "example  corp"), (COMMON, "REPORTS")), ()),
    "bmp": (name((COUNTRY, "DE"), (ORGANIZATION, *bmp("Example Corp")), (COMMON, "reports")), ()),
    "reordered": (name((COMMON, "reports"), (ORGANIZATION, "Example Corp"), (COUNTRY, "DE")), ()),
    "longer": (name((COUNTRY, "DE"), (ORGANIZATION, "Example Corp"), (COMMON, "reports"), (COMMON, "more")), ()),
    "shorter": (name((COUNTRY, "DE"), (COMMON, "reports")), ()),
    "inside": (name((COUNTRY, "DE"), (COMMON, "reports,O=Example Corp")), ()),
    "multi": (MULTI, ()),
    "apart": (name((COUNTRY, "DE"), (COMMON, "reports"), (NameOID.USER_ID, "7")), ()),
    "odd": (name((ObjectIdentifier("2.5.4.97"), "PSDDE-1"), (COMMON, "a,b+c\"d\\e;f<g>h#i "), (MAIL, "a@example.test")), ()),
    "empty": (x509.Name([]), (x509.DNSName("reports.example.test"),)),
    "dns": (EXAMPLE, (x509.DNSName("other.example.test"), x509.DNSName("Reports.Example.test"))),
    "wildcard": (EXAMPLE, (x509.DNSName("*.example.test"),)),
    "nul": (EXAMPLE, (x509.DNSName("reports.example.test\0.evil.test"),)),
    "nul twin": (EXAMPLE, (x509.DNSName("reports.example.test\0"),)),
    "dns in cn": (name((COMMON, "reports.example.test")), ()),
    "uri": (EXAMPLE, (x509.UniformResourceIdentifier("spiffe://example.test/reports"),)),
    "uri as dns": (EXAMPLE, (x509.DNSName("spiffe://example.test/reports"), x509.UniformResourceIdentifier("reports.example.test"))),
    "ip4": (EXAMPLE, (x509.IPAddress(ADDRESS("192.0.2.1")),)),
    "ip6": (EXAMPLE, (x509.IPAddress(ADDRESS("2001:db8::1")),)),
    "mapped": (EXAMPLE, (x509.IPAddress(ADDRESS("::ffff:192.0.2.1")),)),
    "ip as dns": (EXAMPLE, (x509.DNSName("192.0.2.1"), x509.UniformResourceIdentifier("192.0.2.1"))),
    "email": (EXAMPLE, (x509.RFC822Name("Reports@Example.test"),)),
    "email in subject": (name((MAIL, "Reports@example.test")), ()),
    "many": (EXAMPLE, tuple(x509.DNSName(f"host-{number}.example.test") for number in range(900)) + (x509.DNSName("last.example.test"),)),
}

# (kind, registered value, label of a certificate) -> whether they are the same name
ROWS = [
    ("dn", "CN=reports,O=Example Corp,C=DE", {"example", "lower", "bmp", "dns"},
     {"reordered", "longer", "shorter", "inside", "multi", "empty"}),
    ("dn", "cn = Reports , o=example corp, c=de", {"example", "lower", "bmp"}, {"reordered", "longer"}),
    ("dn", "2.5.4.3=reports,2.5.4.10=Example Corp,2.5.4.6=DE", {"example"}, {"shorter"}),
    ("dn", "CN=#0c077265706f727473,O=Example\\20Corp,C=DE", {"example"}, {"shorter"}),
    ("dn", "CN=reports\\,O=Example Corp,C=DE", {"inside"}, {"example"}),
    ("dn", "UID=7+CN=reports,C=DE", {"multi"}, {"apart", "shorter"}), ("dn", "CN=reports+UID=7,C=DE", {"multi"}, {"apart"}),
    ("dn", "UID=7,CN=reports,C=DE", {"apart"}, {"multi"}),
    ("dn", 'emailAddress=a@example.test,CN=a\\,b\\+c\\"d\\\\e\\;f\\<g\\>h#i\\ ,organizationIdentifier=PSDDE-1', {"odd"}, {"example"}),
    ("dn", "C=DE,O=Example Corp,CN=reports", {"reordered"}, {"example"}),
    ("dns", "reports.example.test", {"dns", "empty"}, {"wildcard", "nul", "nul twin", "dns in cn", "uri as dns", "example"}),
    ("dns", "REPORTS.EXAMPLE.TEST", {"dns"}, {"wildcard"}), ("dns", "last.example.test", {"many"}, {"dns"}),
    ("uri", "spiffe://example.test/reports", {"uri"}, {"uri as dns", "example"}),
    ("uri", "spiffe://Example.test/reports", set(), {"uri"}), ("uri", "spiffe://example.test/reports/", set(), {"uri"}),
    ("ip", "192.0.2.1", {"ip4"}, {"mapped", "ip as dns", "ip6"}), ("ip", "::ffff:192.0.2.1", {"mapped"}, {"ip4"}),
    ("ip", "2001:DB8::1", {"ip6"}, {"ip4"}), ("ip", "2001:db8:0:0:0:0:0:1", {"ip6"}, {"mapped"}),
    ("email", "Reports@example.test", {"email"}, {"email in subject", "example"}), ("email", "Reports@EXAMPLE.test", {"email"}, {"uri"}),
    ("email", "reports@example.test", set(), {"email"}),
]
CASES = [(number, label, label in same) for number, (_, _, same, different) in enumerate(ROWS)
         for label in CERTIFICATES if label in same | different]


@pytest.fixture(scope="module")
def certificates(client_pki):
    return {label: client_pki.client("name-" + label.replace(" ", "-"), subject, names)
            for label, (subject, names) in CERTIFICATES.items()}


@pytest.fixture(scope="module")
def server(launch, client_pki, work):
    """Each row is registered twice, as a section and in the file."""
    text = f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n'
    for number, (kind, value, _, _) in enumerate(ROWS):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        text += by_name(f"section-{number}", kind, quoted)
    file = write_json(work / "names.json", [named(f"file-{number}", kind, value) for number, (kind, value, _, _) in enumerate(ROWS)])
    return launch(hosts=[Host(f'{text}MTLSOAuthClientsFile "{file}"\n' + endpoint("/api"))])


@pytest.mark.parametrize("number, label, same", CASES, ids=[f"{ROWS[number][0]}-{number}-{label}" for number, label, _ in CASES])
def test_name(server, connect, certificates, number, label, same):
    """C4, C5, C8: type, order and value of the one name; never a part of it, never another kind of name."""
    for place in ("section", "file"):
        answer = post(connect(server, certificates[label]), PATH, form(f"{place}-{number}"))
        if same:
            authenticated(answer, f"{place}-{number}", certificates[label])
        else:
            refused(answer, "client_subject_mismatch")
