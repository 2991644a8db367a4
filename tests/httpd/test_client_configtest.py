"""`httpd -t` finds every mistake about OAuth clients and names directive, value and remedy; each wrong line has a right twin."""

import json
import os
import re
from pathlib import Path

import pytest

from support.client_pki import SUBJECT, certificate_jwk
from support.clients import SELF, by_name, endpoint, named, other, section, with_keys
from support.server import Host

CA = 'MTLSOAuthClientCACertificateFile "{files}/ca.pem"\n'
GUARD = endpoint("/api")
LONG = "x" * 600

# a clients file that is wrong -> its content, a word of the message
BAD_FILES = {
    "empty": ("", ""), "text": ("no clients here", ""), "object": ('{"clients": []}', ""), "null": ("null", ""),
    "cut": ('[{"client_id": "a"', ""),
    "strings": ('["reports"]', ""), "member twice": ('[{"client_id": "a", "client_id": "b"}]', "twice"),
    "no client_id": (json.dumps([{"token_endpoint_auth_method": SELF}]), "client_id"),
    "client_id a number": (json.dumps([{"client_id": 7}]), "client_id"), "client_id empty": (json.dumps([{"client_id": ""}]), "client_id"),
    "client_id too long": (json.dumps([{"client_id": LONG}]), "client_id"),
    "client_id with a control character": (json.dumps([{"client_id": "a\nb"}]), "client_id"),
    "method a number": (json.dumps([{"client_id": "a", "token_endpoint_auth_method": 1}]), "token_endpoint_auth_method"),
    "client twice": (json.dumps([named("twice", "dn", SUBJECT), named("twice", "dns", "a.test")]), "twice"),
    "other client twice": (json.dumps([other("twice"), other("twice")]), "twice"),
    "no name": (json.dumps([{"client_id": "nameless", "token_endpoint_auth_method": "tls_client_auth"}]), "nameless"),
    "two names": (json.dumps([named("both", "dn", SUBJECT, tls_client_auth_san_dns="a.test")]), "both"),
    "bad DN": (json.dumps([named("worse", "dn", "CN")]), "worse"), "empty DN": (json.dumps([named("worse", "dn", "")]), "worse"),
    "bad IP": (json.dumps([named("worse", "ip", "192.0.2.256")]), "worse"),
    "wildcard": (json.dumps([named("worse", "dns", "*.a.test")]), "worse"),
    "name a number": (json.dumps([named("worse", "dns", 7)]), "worse"),
    "no keys": (json.dumps([{"client_id": "keyless", "token_endpoint_auth_method": SELF}]), "keyless"),
    "jwks empty": (json.dumps([with_keys("keyless")]), "keyless"),
    "jwks_uri alone": (json.dumps([{"client_id": "far", "token_endpoint_auth_method": SELF, "jwks_uri": "https://far.example.test/jwks"}]),
                       "jwks_uri"),
    "no x5c": (json.dumps([with_keys("bare", {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"})]), "bare"),
}


@pytest.fixture(scope="module")
def files(work, client_pki):
    """The files the lines name, good and bad."""
    pki, home = client_pki, work / "client-configtest"
    home.mkdir()
    good_jwk = certificate_jwk(pki.batch, kid="k1")

    def write(name, text):
        (home / name).write_text(text if isinstance(text, str) else json.dumps(text))
    write("ca.pem", pki.root.pem + pki.issuing.pem)
    write("root.pem", pki.root.pem)
    write("leaf.pem", pki.reports.pem)
    write("ca-and-leaf.pem", pki.root.pem + pki.reports.pem)
    write("self.pem", pki.batch.pem)
    write("chain.pem", pki.reports.pem + pki.issuing.pem)
    write("two.pem", pki.batch.pem + pki.batch_renewed.pem + pki.reports.pem)
    write("key.pem", Path(pki.batch.key_path).read_text())
    write("both.crl", pki.crl(pki.root) + pki.crl(pki.issuing))
    write("empty", "")
    write("text", "nothing of use")
    write("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    write("broken.crl", pki.crl(pki.root).replace("M", "N", 1))
    write("good.jwks", {"keys": [good_jwk, certificate_jwk(pki.batch_twin, kid="k2")]})
    write("no-kid.jwks", {"keys": [certificate_jwk(pki.batch, kid=...)]})
    write("no-x5c.jwks", {"keys": [certificate_jwk(pki.batch, x5c=...)]})
    write("base64url.jwks", {"keys": [certificate_jwk(pki.batch, x5c=[_url(certificate_jwk(pki.batch)["x5c"][0])])]})
    write("no-keys.jwks", {"keys": []})
    write("array.jwks", [good_jwk])
    write("good.json", [named("file", "dn", SUBJECT), with_keys("keys", good_jwk), other("secret"), {**other("extra"), "x": {"y": [1]}}])
    write("others.json", [other("secret"), other("none", "none"), other("later", "a_method_of_tomorrow")])
    write("no-clients.json", [])
    write("keys.json", [with_keys("keys", good_jwk)])
    for label, (text, _) in BAD_FILES.items():
        write(f"bad {label}.json", text)
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    return home


def _url(text):
    """In base64url, which x5c is not; a text in which nothing would change gets a wrong character."""
    changed = text.replace("+", "-").replace("/", "_").rstrip("=")
    return changed if changed != text else "_" + text[1:]


@pytest.fixture
def check(make_httpd, files):
    """Exit code and words of configtest with this text in a virtual host."""
    def run(text, main=""):
        return make_httpd(main.replace("{files}", str(files)), [Host(text.replace("{files}", str(files)))]).configtest()
    return run


def inside(*lines):
    """A section with these lines, in a server that has a CA."""
    return CA + section("reports", *lines) + GUARD


DN = 'MTLSOAuthClientSubject dn "CN=reports,O=Example Corp"'
WRONG_NAMES = {"dn": ["", "reports", "CN", "=x", "CN=a,,O=b", "CN=a,", "NoSuchType=x", "1.2.x=y", "CN=#0", "CN=#zz", "CN=a\\\\",
                      'CN=a\\"b'],
               "dns": ["", "*.example.test", "*", "a..b", ".a", "a b", "a_b/c", "192.0.2.1/24", "x" * 300],
               "uri": ["", "example.test", "//example.test", "a b:c", "/path"],
               "ip": ["", "192.0.2", "192.0.2.256", "192.0.2.1/32", "2001:db8", "fe80::1%eth0", "host.test", "0x7f.0.0.1", "192.0.2.01"],
               "email": ["", "reports", "@example.test", "reports@", "a@b@c", "a b@example.test", "Reports <r@example.test>"]}
RIGHT_NAMES = {"dn": ["CN=reports", "CN=reports, O=Example Corp, C=DE", "cn=x", "2.5.4.3=x", "CN=#0c0178", "CN=a+UID=b,C=DE",
                      "organizationIdentifier=PSDDE-1,CN=a",
                      "emailAddress=a@b.test,CN=a", "CN=\u00dcber", "CN=a\\\\,b", "CN=a\\\\2cb", "1.3.6.1.4.1.99999.1=x"],
               "dns": ["a.example.test", "A.EXAMPLE.TEST", "xn--bcher-kva.example", "localhost"],
               "uri": ["https://a.test/x?y#z", "urn:example:a", "spiffe://a.test/b"],
               "ip": ["192.0.2.1", "2001:db8::1", "2001:DB8:0:0::1", "::ffff:192.0.2.1", "::"],
               "email": ["a@example.test", "A.b+c@EXAMPLE.test"]}


def lines(make, directive, *values):
    """One row for each value: text, directive, value."""
    return [pytest.param(make(f"{directive} {value}".rstrip()), directive, value,
                         id=f"{directive}-{value[-40:]}".replace("/", "_")) for value in values]


def names(values):
    """One row for each of these names."""
    return lines(inside, "MTLSOAuthClientSubject", *(f'{kind} "{value}"' for kind in values for value in values[kind]))


def with_jwks(line):
    return inside('MTLSOAuthClientJWKSFile "{files}/good.jwks"', line)


def with_subject(line):
    return section("reports", DN, line) + GUARD


def server(line):
    return f"{line}\n{CA}{section('reports', DN)}{GUARD}"


def server_ca(line):
    return f"{line}\n{section('reports', DN)}{GUARD}"


def with_ca(line):
    return f"{CA}{line}\n{section('reports', DN)}{GUARD}"


def place(line):
    return CA + section("reports", DN) + endpoint("/api", line)


def block(line):
    return f"<MTLSOAuthIssuer https://a.example.test>\nMTLSOAuthAudience urn:a\n{line}\n</MTLSOAuthIssuer>\n"


def block_ca(line):
    return block('MTLSOAuthBindingCACertificateFile "{files}/ca.pem"\n' + line)


NO_CA = ["{files}/absent", "{files}/empty", "{files}/text", "{files}/broken.pem", "{files}/leaf.pem", "{files}/ca-and-leaf.pem",
         "{files}/key.pem", "{files}/both.crl",
         "{files}/folder", "{files}/pipe", ""]
NO_CRL = ["{files}/absent", "{files}/empty", "{files}/text", "{files}/broken.crl", "{files}/ca.pem", "{files}/folder", "{files}/pipe", ""]

WRONG = [
    *names(WRONG_NAMES),
    *lines(inside, "MTLSOAuthClientSubject", "", "dn", "cn reports", "san_dns a.test", "dn a b"),
    *lines(inside, "MTLSOAuthClientCertificateFile", "{files}/absent", "{files}/empty", "{files}/text", "{files}/broken.pem",
           "{files}/key.pem", "{files}/chain.pem", "{files}/folder",
           "{files}/pipe", ""),
    *lines(inside, "MTLSOAuthClientJWKSFile", "{files}/absent", "{files}/empty", "{files}/text", "{files}/array.jwks",
           "{files}/no-keys.jwks", "{files}/no-x5c.jwks",
           "{files}/base64url.jwks", "{files}/folder", "{files}/pipe", ""),
    *lines(with_jwks, "MTLSOAuthClientKeyID", "k3", "K1", '""', ""),
    *lines(with_subject, "MTLSOAuthClientCACertificateFile", *NO_CA), *lines(server_ca, "MTLSOAuthClientCACertificateFile", *NO_CA),
    *lines(with_ca, "MTLSOAuthClientCRLFile", *NO_CRL), *lines(block, "MTLSOAuthBindingCACertificateFile", *NO_CA),
    *lines(block_ca, "MTLSOAuthBindingCRLFile", *NO_CRL),
    *lines(lambda line: line + "\n" + block(""), "MTLSOAuthBindingCACertificateFile", "{files}/absent", "{files}/leaf.pem", ""),
    *lines(server, "MTLSOAuthClientsFile", "{files}/absent.json", "{files}/folder", "{files}/pipe", "",
           *(f'"{{files}}/bad {label}.json"' for label in BAD_FILES)),
    *lines(server, "MTLSOAuthForwardClientCert", "", '""', '"Client Cert"', "Client:Cert", "Client_Cert", "Authorization", "Host",
           "Content-Length", "Connection", "Cookie",
           "Transfer-Encoding"),
    *lines(place, "MTLSOAuthOtherClients", "", "allow", "on", "refuse pass"),
]


@pytest.mark.parametrize("text, directive, value", WRONG)
def test_wrong_value(check, text, directive, value):
    """A wrong value is an error that names the directive, the value and what is wrong with it."""
    code, said = check(text)
    assert code != 0 and "Syntax OK" not in said
    assert directive in said, said
    shown = value.strip('"').rsplit("/", 1)[-1] if "{files}" in value else value.replace('"', "")
    assert any(word in said for word in shown.split()) or not shown.split(), said
    message = said.rsplit(directive, 1)[-1]
    assert len(re.findall(r"[A-Za-z]{3,}", message.replace(value, ""))) >= 3, said


@pytest.mark.parametrize("label", BAD_FILES)
def test_wrong_clients_file(check, label):
    """The message names the client, or the member, that is wrong."""
    code, said = check(server(f'MTLSOAuthClientsFile "{{files}}/bad {label}.json"'))
    assert code != 0 and BAD_FILES[label][1] in said.rsplit(".json", 1)[-1], said


RIGHT = [
    *names(RIGHT_NAMES),
    *lines(inside, "MTLSOAuthClientSubject", "DN CN=a", "Dns a.test"),
    *lines(inside, "MTLSOAuthClientCertificateFile", "{files}/self.pem", "{files}/leaf.pem", "{files}/two.pem"),
    *lines(inside, "MTLSOAuthClientJWKSFile", "{files}/good.jwks", "{files}/no-kid.jwks"),
    *lines(with_jwks, "MTLSOAuthClientKeyID", "k1", '"k2"'),
    *lines(with_subject, "MTLSOAuthClientCACertificateFile", "{files}/ca.pem", "{files}/root.pem",
           '{files}/ca.pem\nMTLSOAuthClientCRLFile {files}/both.crl'),
    *lines(with_ca, "MTLSOAuthClientCRLFile", "{files}/both.crl"), *lines(block, "MTLSOAuthBindingCACertificateFile", "{files}/ca.pem"),
    *lines(block_ca, "MTLSOAuthBindingCRLFile", "{files}/both.crl"),
    *lines(server, "MTLSOAuthClientsFile", "{files}/good.json", "{files}/others.json", "{files}/no-clients.json"),
    *lines(server, "MTLSOAuthForwardClientCert", "off", "Client-Cert", "X-Client-Cert"),
    *lines(place, "MTLSOAuthOtherClients", "refuse", "pass"),
    pytest.param('MTLSOAuthClientsFile "{files}/keys.json"\n' + GUARD, None, None, id="no CA without tls_client_auth"),
    pytest.param('MTLSOAuthClientsFile "{files}/others.json"\n' + GUARD, None, None, id="no CA with other methods"),
    pytest.param(section("a b", 'MTLSOAuthClientCertificateFile "{files}/self.pem"') + GUARD, None, None, id="blank in an ID"),
    pytest.param("<IfModule ssl_module>\n" + inside(DN) + "</IfModule>\n", None, None, id="section in IfModule"),
    pytest.param(inside("<IfDefine !NOBODY>\n" + DN + "\n</IfDefine>"), None, None, id="IfDefine in a section"),
    pytest.param(CA + by_name("one", "dn", SUBJECT) + by_name("two", "dn", SUBJECT) + GUARD, None, None, id="one name, two clients"),
    pytest.param(CA + by_name("one", "dn", SUBJECT) + by_name("ONE", "dn", SUBJECT) + GUARD, None, None, id="an ID has case"),
]


@pytest.mark.parametrize("text, directive, value", RIGHT)
def test_right_value(check, text, directive, value):
    """The twins: said rightly, everything passes."""
    code, said = check(text)
    assert (code, "Syntax OK" in said) == (0, True), said


TWICE = [(with_subject, "MTLSOAuthClientCACertificateFile", "{files}/ca.pem"),
         (server_ca, "MTLSOAuthClientCACertificateFile", "{files}/ca.pem"),
         (with_ca, "MTLSOAuthClientCRLFile", "{files}/both.crl"), (inside, "MTLSOAuthClientSubject", "dns a.test"),
         (inside, "MTLSOAuthClientCertificateFile", "{files}/self.pem"), (inside, "MTLSOAuthClientJWKSFile", "{files}/good.jwks"),
         (with_jwks, "MTLSOAuthClientKeyID", "k1"), (server, "MTLSOAuthClientsFile", "{files}/good.json"),
         (server, "MTLSOAuthForwardClientCert", "Client-Cert"),
         (place, "MTLSOAuthOtherClients", "pass"), (block, "MTLSOAuthBindingCACertificateFile", "{files}/ca.pem"),
         (block_ca, "MTLSOAuthBindingCRLFile", "{files}/both.crl")]


@pytest.mark.parametrize("make, directive, value", TWICE)
def test_directive_twice(check, make, directive, value):
    code, said = check(make(f"{directive} {value}\n{directive} {value}"))
    assert code != 0 and directive in said, said


CERTIFICATE, JWKS = 'MTLSOAuthClientCertificateFile "{files}/self.pem"', 'MTLSOAuthClientJWKSFile "{files}/good.jwks"'
FILE = 'MTLSOAuthClientsFile "{files}/good.json"\n'
CRL = 'MTLSOAuthClientCRLFile "{files}/both.crl"'

# what is wrong -> (text of the virtual host, words of the message)
STRUCTURE = {
    "no ID": ("<MTLSOAuthClient>\n" + DN + "\n</MTLSOAuthClient>\n", ["MTLSOAuthClient"]),
    "empty ID": (CA + section("", DN), ["MTLSOAuthClient"]),
    "two IDs": (CA + "<MTLSOAuthClient a b>\n" + DN + "\n</MTLSOAuthClient>\n", ["MTLSOAuthClient"]),
    "ID too long": (CA + section(LONG, DN), ["MTLSOAuthClient"]),
    "no bracket": (CA + "<MTLSOAuthClient a\n" + DN + "\n</MTLSOAuthClient>\n", ["MTLSOAuthClient"]),
    "not closed": (CA + "<MTLSOAuthClient a>\n" + DN + "\n", ["MTLSOAuthClient"]),
    "nothing inside": (CA + section("reports"), ["reports", "MTLSOAuthClientSubject"]),
    "two subjects": (inside(DN, 'MTLSOAuthClientSubject dns "a.test"'), ["MTLSOAuthClientSubject"]),
    "subject and certificate": (inside(DN, CERTIFICATE), ["reports", "MTLSOAuthClientSubject", "MTLSOAuthClientCertificateFile"]),
    "subject and keys": (inside(DN, JWKS), ["reports", "MTLSOAuthClientSubject", "MTLSOAuthClientJWKSFile"]),
    "certificate and keys": (inside(CERTIFICATE, JWKS), ["reports", "MTLSOAuthClientCertificateFile", "MTLSOAuthClientJWKSFile"]),
    "kid without keys": (inside(CERTIFICATE, "MTLSOAuthClientKeyID k1"), ["reports", "MTLSOAuthClientKeyID", "MTLSOAuthClientJWKSFile"]),
    "kid and subject": (inside(DN, "MTLSOAuthClientKeyID k1"), ["reports", "MTLSOAuthClientKeyID", "MTLSOAuthClientJWKSFile"]),
    "no CA": (section("reports", DN) + GUARD, ["reports", "MTLSOAuthClientCACertificateFile"]),
    "no CA for a file": (FILE + GUARD, ["file", "MTLSOAuthClientCACertificateFile"]),
    "CRL without CA": (section("reports", CERTIFICATE) + CRL + "\n", ["MTLSOAuthClientCRLFile", "MTLSOAuthClientCACertificateFile"]),
    "CRL without CA in a section": (inside(DN, CRL), ["MTLSOAuthClientCRLFile", "MTLSOAuthClientCACertificateFile"]),
    "CRL without CA in a block": (block('MTLSOAuthBindingCRLFile "{files}/both.crl"'),
                                  ["MTLSOAuthBindingCRLFile", "MTLSOAuthBindingCACertificateFile"]),
    "CRL without CA on the server": ('MTLSOAuthBindingCRLFile "{files}/both.crl"\n' + block(""),
                                     ["MTLSOAuthBindingCRLFile", "MTLSOAuthBindingCACertificateFile"]),
    "CRL on the server of a CA in a block": (
        'MTLSOAuthBindingCRLFile "{files}/both.crl"\n' + block('MTLSOAuthBindingCACertificateFile "{files}/ca.pem"'),
        ["MTLSOAuthBindingCRLFile", "both.crl", "MTLSOAuthBindingCACertificateFile"]),
    "two sections": (CA + section("reports", DN) * 2, ["reports"]),
    "section and file": (CA + FILE + section("file", CERTIFICATE), ["file"]),
    "section and other of the file": (CA + FILE + section("secret", CERTIFICATE), ["secret"]),
    "section in a section": (inside(DN, section("inner", DN).rstrip()), ["MTLSOAuthClient"]),
    "section in a Location": ('<Location "/">\n' + section("reports", DN) + "</Location>\n", ["MTLSOAuthClient"]),
    "section in a block": (block(section("reports", DN).rstrip()), ["MTLSOAuthClient"]),
    "block in a section": (inside(DN, block("").rstrip()), ["MTLSOAuthIssuer"]),
    "Require without ID": (CA + section("reports", DN) + endpoint("/api", require="oauth-client"), ["oauth-client"]),
    **{f"{line.split()[0]} in a section": (inside(DN, line), [line.split()[0]])
       for line in ("AuthType TLS-Client-Auth", "Require valid-user", "MTLSOAuthAudience urn:a", "MTLSOAuthOtherClients pass", FILE.strip(),
                    "MTLSOAuthForwardClientCert off", "MTLSOAuthColour red", "MTLSOAuthBindingCACertificateFile {files}/ca.pem")},
    **{f"{line.split()[0]} on the server": (server(line), [line.split()[0]])
       for line in (DN, CERTIFICATE, JWKS, "MTLSOAuthClientKeyID k1", "MTLSOAuthOtherClients pass")},
    **{f"{line.split()[0]} in a Location": (place(line), [line.split()[0]])
       for line in (DN, CERTIFICATE, JWKS, "MTLSOAuthClientKeyID k1", FILE.strip(), CA.strip(), CRL, "MTLSOAuthForwardClientCert off",
                    "MTLSOAuthBindingCACertificateFile {files}/ca.pem", "MTLSOAuthBindingCRLFile {files}/both.crl")},
    **{f"{line.split()[0]} in a block": (block(line), [line.split()[0]])
       for line in (DN, CERTIFICATE, FILE.strip(), CA.strip(), CRL, "MTLSOAuthForwardClientCert off", "MTLSOAuthOtherClients pass")},
}


@pytest.mark.parametrize("text, words", STRUCTURE.values(), ids=STRUCTURE)
def test_structure(check, text, words):
    """Sections and directives in the wrong place, missing or contradicting each other."""
    code, said = check(text)
    assert code != 0 and "Syntax OK" not in said
    assert all(word in said for word in words), said


def test_across_servers(check):
    """A section of a virtual host hides the main server's of that ID; what it inherits counts with its own files."""
    assert check(section("reports", CERTIFICATE) + GUARD, CA + section("reports", DN))[0] == 0
    assert check(section("reports", DN) + GUARD, CA)[0] == 0
    code, said = check(FILE + GUARD, CA + section("file", DN))
    assert code != 0 and "file" in said
    code, said = check(section("file", CERTIFICATE) + GUARD, CA + FILE)
    assert code != 0 and "file" in said
    code, said = check(FILE + GUARD, section("reports", CERTIFICATE))
    assert code != 0 and "MTLSOAuthClientCACertificateFile" in said
    lone, other = 'MTLSOAuthBindingCRLFile "{files}/both.crl"\n', 'MTLSOAuthBindingCACertificateFile "{files}/ca.pem"\n'
    for text, main in ((block(other.strip()) + lone, other), (block(other.strip()) + other, lone)):
        code, said = check(text, main)
        assert code != 0 and all(word in said for word in ("MTLSOAuthBindingCRLFile", "both.crl", "add that there")), said



def test_dump(make_httpd, files):
    """The dump shows what is in force: files, their directives and how many clients there are."""
    text = CA + CRL + "\n" + FILE + section("reports", DN) + "MTLSOAuthForwardClientCert Client-Cert\n" + GUARD
    text = text.replace("{files}", str(files))
    code, said = make_httpd(hosts=[Host(text)]).configtest("DUMP_MTLS_OAUTH")
    assert code == 0, said
    for wanted in (f'MTLSOAuthClientCACertificateFile "?{files}/ca.pem', f'MTLSOAuthClientCRLFile "?{files}/both.crl',
                   f'MTLSOAuthClientsFile "?{files}/good.json',
                   'MTLSOAuthForwardClientCert "?Client-Cert', r"clients: 5\b"):
        assert re.search(wanted, said), said
    assert "\nwarnings: 0\n" in said, said


@pytest.mark.parametrize("text, verify, words", [
    (GUARD, "optional_no_ca", ["MTLSOAuthClient"]), (CA + section("reports", DN) + GUARD, "none", ["SSLVerifyClient"]),
    (CA + section("reports", DN) + GUARD, None, ["SSLVerifyClient"])])
def test_warning(make_httpd, files, text, verify, words):
    """An endpoint without clients, and one of a host that asks nobody for a certificate: said, with the line to add."""
    code, said = make_httpd(hosts=[Host(text.replace("{files}", str(files)), verify=verify)]).configtest("DUMP_MTLS_OAUTH")
    warnings = said[said.index("\nwarnings: 1\n"):]
    assert code == 0 and warnings.count("  warning: ") == 1 and all(word in warnings for word in words), said
