"""check-client: the rule that matched or the refusal, what differs attribute by attribute, the chain, thumbprints."""

import base64
import ipaddress
import json

import bench
import pytest
from bench import (DAY, THEN, Authority, certificate_der, certificate_pem, fails, field, make_key, name, public_jwk, run,
                   write_json, x5t)
from cryptography import x509

AT = "2027-01-15T08:00:00Z"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def check(tmp_path, authority):
    """Runs check-client for the client "app" that is registered with these members, as of AT."""
    def run_check(certificate, *options, ca=True, crl=None, client_id="app", code=0, **members):
        method = members.pop("method", "tls_client_auth")
        clients = write_json(tmp_path / "clients.json", [
            {"client_id": "app", "token_endpoint_auth_method": method, **members}, {"client_id": "other"}])
        arguments = ["check-client", "--clients", clients, "--client-id", client_id, "--at", AT]
        files = {"cert": certificate and certificate_pem(certificate), "ca": ca and certificate_pem(authority.x509),
                 "crl": crl}
        for option, content in files.items():
            if content:
                (tmp_path / option).write_bytes(content)
                arguments += [f"--{option}", tmp_path / option]
        return run(*arguments, *options, code=code)
    return run_check


def attributes(outcome):
    """The lines about attributes: (word, what)."""
    lines = [line.split(None, 1) for line in outcome.out.splitlines() if line.startswith("  ")]
    return [(word, " ".join(rest.split())) for word, rest in lines]


def test_equal_subject(check, authority):
    certificate = authority.issue(name("C=DE", "O=Bank", "CN=App+UID=1"))
    outcome = check(certificate, tls_client_auth_subject_dn="uid=1+cn=app, O=bank, C=de")
    assert field(outcome, "admitted") == ""
    assert field(outcome, "rule") == "tls_client_auth_subject_dn"
    assert field(outcome, "certificate") == x5t(certificate)
    assert field(outcome, "method") == "tls_client_auth"
    assert field(outcome, "time") == f"{AT} (--at)"
    assert field(outcome, "chain") == "good"
    assert field(outcome, "name") == "equal"
    assert {word for word, _ in attributes(outcome)} == {"equal"} and len(attributes(outcome)) == 4


@pytest.mark.parametrize("subject, registered, told", [
    (("O=Bank", "CN=app"), "CN=app2,O=Bank",
     [("equal", "O=Bank"), ("differs", "CN=app2 the certificate has CN=app")]),
    (("O=Bank",), "CN=app,O=Bank", [("equal", "O=Bank"), ("missing", "CN=app")]),
    (("O=Bank", "CN=app", "OU=x"), "CN=app,O=Bank", [("equal", "O=Bank"), ("equal", "CN=app"), ("more", "OU=x")]),
    (("O=Bank", "CN=app"), "O=Bank,CN=app",
     [("differs", "CN=app the certificate has O=Bank"), ("differs", "O=Bank the certificate has CN=app")]),
    (("CN=app+UID=1",), "CN=app+UID=2", [("equal", "CN=app"), ("differs", "UID=2 the certificate has UID=1")]),
    (("CN=app+UID=1",), "CN=app", [("equal", "CN=app"), ("more", "UID=1")]),
    (("CN=app",), "CN=app+UID=1", [("equal", "CN=app"), ("missing", "UID=1")]),
    (("CN=app,O=Bank",), "CN=app,O=Bank",
     [("differs", "O=Bank the certificate has CN=app\\,O=Bank"), ("missing", "CN=app")]),
    ((), "CN=app", [("missing", "CN=app")]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_attributes_that_differ(check, authority, subject, registered, told):
    outcome = check(authority.issue(name(*subject)), tls_client_auth_subject_dn=registered, code=1)
    assert field(outcome, "refused") == "client_subject_mismatch"
    assert field(outcome, "answer") == "401 invalid_client"
    assert field(outcome, "name") == "differs"
    assert attributes(outcome) == told
    assert field(outcome, "cause") and field(outcome, "remedy")


@pytest.mark.parametrize("member, value, shown", [
    ("tls_client_auth_san_dns", "App.example", "dns app.example, b.example"),
    ("tls_client_auth_san_uri", "urn:app", "uri urn:app"),
    ("tls_client_auth_san_ip", "2001:DB8:0::1", "ip 2001:db8::1, 192.0.2.1"),
    ("tls_client_auth_san_email", "app@EXAMPLE.com", "email app@example.com"),
])
def test_alternative_names(check, authority, member, value, shown):
    certificate = authority.issue(
        name("CN=x"), x509.DNSName("app.example"), x509.DNSName("b.example"), x509.UniformResourceIdentifier("urn:app"),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")), x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.RFC822Name("app@example.com"))
    outcome = check(certificate, **{member: value})
    assert field(outcome, "rule") == member
    assert field(outcome, "shown") == shown
    outcome = check(authority.issue(name("CN=app.example")), code=1, **{member: value})
    assert field(outcome, "refused") == "client_subject_mismatch"
    assert field(outcome, "shown").endswith(" none")


def test_chain_that_is_not_good(check, authority):
    subject = {"tls_client_auth_subject_dn": "CN=app"}
    good, stranger = authority.issue(name("CN=app")), Authority("Other").issue(name("CN=app"))
    for certificate, options, chain in (
            (stranger, {}, "untrusted: no CA here is CN=Other, who issued the certificate of CN=app"),
            (good, {"ca": False}, "untrusted: there is no --ca"),
            (good, {"crl": authority.crl(good)}, "revoked: the CRL of CN=CA names the certificate of CN=app"),
            (good, {"crl": authority.crl(until=THEN - DAY / 2)},
             "untrusted: the CRL of CN=CA ended at 2027-01-14T20:00:00Z"),
            (authority.x509, {}, "untrusted: it is itself a CA's certificate")):
        outcome = check(certificate, **options, **subject, code=1)
        assert field(outcome, "refused") == "client_untrusted"
        assert field(outcome, "chain") == chain
    assert field(check(good, crl=authority.crl(stranger), **subject), "chain") == "good"


def test_time(check, authority, tmp_path):
    certificate = authority.issue(name("CN=app"))
    check(certificate, tls_client_auth_subject_dn="CN=app")
    clients = write_json(tmp_path / "c", [{"client_id": "app", "token_endpoint_auth_method": "tls_client_auth",
                                           "tls_client_auth_subject_dn": "CN=app"}])
    outcome = run("check-client", "--clients", clients, "--client-id", "app", "--cert", tmp_path / "cert", "--ca",
                  tmp_path / "ca", "--at", "2027-02-01T00:00:00Z", code=1)
    assert field(outcome, "chain").startswith("expired: the certificate of CN=")


def jwk_of(certificate, kid):
    return public_jwk(certificate.public_key(), kid=kid, x5c=[base64.b64encode(certificate_der(certificate)).decode()])


def test_self_signed(check):
    first, second, other = (bench.make_certificate(text) for text in ("first", "second", "other"))
    registered = {"method": "self_signed_tls_client_auth", "jwks": {"keys": [jwk_of(first, "k1"), jwk_of(second, "k2")]}}
    outcome = check(second, ca=False, **registered)
    assert field(outcome, "rule") == "the certificate is one of those registered"
    assert f"registered   {x5t(first)} differs kid k1\nregistered   {x5t(second)} equal kid k2\n" in outcome.out
    outcome = check(other, **registered, code=1)
    assert field(outcome, "refused") == "client_certificate_unregistered"
    assert x5t(other) in field(outcome, "detail") and x5t(first) in field(outcome, "detail")
    assert field(check(None, **registered, code=1), "refused") == "client_certificate_missing"
    pinned = {**registered, "self_signed_certificate_key_id": "k1"}
    assert field(check(second, **pinned, code=1), "refused") == "client_certificate_unregistered"
    check(first, **pinned)


def test_self_signed_with_another_key_in_the_jwk(check):
    certificate = bench.make_certificate()
    jwk = {**jwk_of(certificate, "k"), **public_jwk(make_key("P-256"))}
    outcome = check(certificate, method="self_signed_tls_client_auth", jwks={"keys": [jwk]}, code=1)
    assert field(outcome, "refused") == "client_certificate_unregistered"
    assert "another key" in field(outcome, "detail")


def test_clients_that_are_not_authenticated_by_certificate(check, authority):
    certificate = authority.issue(name("CN=app"))
    for client_id, method in (("nobody", "none: not registered"), ("other", "client_secret_basic"),
                              ("APP", "none: not registered"), ("", "none: not registered")):
        outcome = check(certificate, client_id=client_id, code=1, tls_client_auth_subject_dn="CN=app")
        assert field(outcome, "refused") == "client_unknown"
        assert field(outcome, "method") == method


def test_a_control_character_is_not_echoed(check, authority):
    outcome = check(authority.issue(name("CN=a\x1b[2J\x9b")), client_id="app", code=1,
                    tls_client_auth_subject_dn="CN=\\1b")
    assert "\x1b" not in outcome.out and "\x9b" not in outcome.out
    assert "\x1b" not in check(None, client_id="\x1b", code=1, tls_client_auth_subject_dn="CN=a").out


@pytest.mark.parametrize("option, content, hint", [
    ("clients", b"{}", "clients: element 0: not a JSON array"),
    ("clients", json.dumps([{"client_id": "a", "token_endpoint_auth_method": "tls_client_auth"}]).encode(),
     'client "a": tls_client_auth without'),
    ("cert", b"", "cert: no certificate"),
    ("ca", b"", "ca with "),
    ("crl", b"", "no CRL in PEM"),
    ("ca", None, "No such file"),
    ("crl", None, "No such file"),
])
def test_files_that_cannot_be_read(tmp_path, authority, option, content, hint):
    contents = {"clients": b"[]", "cert": certificate_pem(authority.x509), "ca": certificate_pem(authority.x509),
                "crl": authority.crl(), option: content}
    arguments = []
    for each, text in contents.items():
        if text is not None:
            (tmp_path / each).write_bytes(text)
        arguments += [f"--{each}", tmp_path / each]
    fails("check-client", "--client-id", "a", *arguments, hint=hint)


def test_a_clients_file_larger_than_other_files(tmp_path):
    """It may be; a token or key set may not."""
    clients = write_json(tmp_path / "clients", [{"client_id": f"client-{i}", "note": "x" * 100} for i in range(12000)])
    assert (tmp_path / "clients").stat().st_size > 1024 * 1024
    outcome = run("check-client", "--clients", clients, "--client-id", "client-11999", code=1)
    assert field(outcome, "method") == "client_secret_basic"
