"""thumbprint: the x5t#S256 of RFC 8705 section 3.1, against python's cryptography; rubbish is no certificate."""

import json

import bench
import pytest
from bench import certificate_der, certificate_pem, fails, make_certificate, make_key, pem, run, x5t

# how a certificate may stand in a file
FORMS = {
    "PEM": certificate_pem,
    "DER": certificate_der,
    "PEM with CRLF": lambda c: certificate_pem(c).replace(b"\n", b"\r\n"),
    "PEM after text": lambda c: b"subject=CN = client\n\n" + certificate_pem(c),
    "PEM with spaces at line ends": lambda c: certificate_pem(c).replace(b"\n", b"  \n"),
    "PEM after its private key": lambda c: pem(make_key("P-256")) + certificate_pem(c),
    "PEM before another": lambda c: certificate_pem(c) + certificate_pem(make_certificate("other")),
}

RUBBISH = {
    "nothing": lambda c: b"",
    "text": lambda c: b"hello\n",
    "a SEQUENCE that is no certificate": lambda c: b"\x30\x03\x02\x01\x05",
    "DER cut by a byte": lambda c: certificate_der(c)[:-1],
    "DER with a byte more": lambda c: certificate_der(c) + b"\0",
    "DER of a wrong inside": lambda c: certificate_der(c)[:4] + bytes(len(certificate_der(c)) - 4),
    "DER in base64": lambda c: bench.base64.b64encode(certificate_der(c)),
    "PEM cut": lambda c: certificate_pem(c)[:-40],
    "PEM of rubbish": lambda c: b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
    "a private key": lambda c: pem(make_key("P-256")),
    "64 KiB of 0x30": lambda c: b"\x30" * 65536,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form, tmp_path):
    certificate = make_certificate()
    path = tmp_path / "certificate"
    path.write_bytes(FORMS[form](certificate))
    assert run("thumbprint", path).out == x5t(certificate) + "\n"
    assert run("thumbprint", "-", stdin=path.read_bytes()).out == x5t(certificate) + "\n"


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish(kind, tmp_path):
    path = tmp_path / "rubbish"
    path.write_bytes(RUBBISH[kind](make_certificate()))
    fails("thumbprint", path, hint="no certificate in PEM or DER")


def test_files_that_cannot_be_read(tmp_path):
    fails("thumbprint", tmp_path / "none", hint="No such file")
    fails("thumbprint", tmp_path, hint="Is a directory")
    fails("thumbprint", "/dev/zero", hint="larger than 1048576 bytes")


def test_the_example_of_rfc_8705():
    path = bench.VECTORS / "rfc" / "rfc8705_appendix_a.json"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    pem_text = json.loads(path.read_text())["certificate_pem"]
    assert run("thumbprint", "-", stdin=pem_text).out == "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\n"
