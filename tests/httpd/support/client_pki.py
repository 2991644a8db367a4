"""The certificates of OAuth clients: a root with an issuing CA, CRLs, any name, twins from elsewhere, keys with x5c."""

import base64
import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.keys import public_members
from support.pki import Certificate

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)

# the names of the client `reports`, one of each kind
SUBJECT = "CN=reports,OU=Batch,O=Example Corp,C=DE"
DNS, URI, IP, EMAIL = "reports.example.test", "https://reports.example.test/client", "192.0.2.7", "Reports@example.test"
NAMES = (x509.DNSName(DNS), x509.UniformResourceIdentifier(URI), x509.IPAddress(ipaddress.ip_address(IP)),
         x509.RFC822Name(EMAIL))


class ClientPki:
    """No server of the tests has its CAs in SSLCACertificateFile: what mod_ssl makes of them is no chain verdict."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.root = self.authority("client-root")
        self.issuing = self.authority("client-issuing", self.root)
        self.foreign_root = self.authority("foreign-root", subject="CN=client-root")
        self.foreign_issuing = self.authority("foreign-issuing", self.foreign_root, "CN=client-issuing")
        self.reports = self.client("reports", SUBJECT, NAMES)
        self.billing = self.client("billing", "CN=billing,OU=Batch,O=Example Corp,C=DE",
                                   [x509.DNSName("billing.example.test")])
        # other people's certificates with every name of the client `reports`
        self.impostor = self.client("impostor", SUBJECT, NAMES, issuer=self.foreign_issuing)
        self.mask = self.self_signed("mask", SUBJECT, NAMES)
        self.batch = self.self_signed("batch")
        self.batch_renewed = self.self_signed("batch-renewed", "CN=batch", key=self.batch.key)
        self.batch_twin = self.self_signed("batch-twin", "CN=batch")
        self.ca_file = self.bundle("client-ca", self.root, self.issuing)

    def authority(self, label, issuer=None, subject=None, key=None):
        """A CA under `issuer`, or a root."""
        return self._make(label, subject or f"CN={label}", issuer, key, (), None, True)

    def client(self, label, subject=None, names=(), issuer=None, usage=ExtendedKeyUsageOID.CLIENT_AUTH, **settings):
        """A client certificate of the issuing CA, or of another; `usage` None leaves the extended key usage out, `key_ids`
        False the key identifiers."""
        return self._make(label, subject or f"CN={label}", issuer or self.issuing, None, names, usage, False, **settings)

    def self_signed(self, label, subject=None, names=(), key=None, **settings):
        return self._make(label, subject or f"CN={label}", None, key, names, None, False, **settings)

    def bundle(self, label, *certificates):
        """The path of one PEM file with these certificates."""
        path = self.directory / f"{label}.pem"
        path.write_text("".join(one.pem for one in certificates))
        return str(path)

    def chain(self, label, key, *certificates):
        """What a client shows that sends all of these, with that private key."""
        return Chain(label, self.bundle(label, *certificates), key)

    def crl(self, issuer, *revoked, ends=DAY, begins=-HOUR):
        """The PEM text of a CRL of that CA; `begins` and `ends` are its distances from now."""
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
                   .last_update(now + begins).next_update(now + ends))
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
                .revocation_date(now - HOUR).build())
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def crl_file(self, label, *texts):
        path = self.directory / f"{label}.crl"
        path.write_text("".join(texts))
        return str(path)

    def _make(self, label, subject, issuer, key, names, usage, authority, begins=-HOUR, ends=2 * DAY, key_ids=True):
        key = key or ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        subject = subject if isinstance(subject, x509.Name) else x509.Name.from_rfc4514_string(subject)
        builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
                   .issuer_name(issuer.certificate.subject if issuer else subject)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + begins).not_valid_after(now + ends))
        if authority:
            builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        if key_ids:
            above = (issuer.key if issuer else key).public_key()
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
        return Certificate(self.directory, label, signed, key)


class Chain:
    """A file of several certificates, and a private key, in the shape of support.pki.Certificate for a client."""

    def __init__(self, label, path, key):
        self.label = label
        self.path = path
        self.key_path = key.key_path if hasattr(key, "key_path") else key


def base64_der(certificate):
    """x5c of RFC 7517 section 4.7: base64, not base64url."""
    return base64.b64encode(certificate.der).decode()


def certificate_jwk(certificate, **members):
    """The JWK of a certificate's key with the certificate in x5c; members given replace, Ellipsis leaves one out."""
    said = {**public_members(certificate.key.public_key()), "kid": certificate.label, "x5c": [base64_der(certificate)],
            **members}
    return {name: value for name, value in said.items() if value is not ...}


def key_that_claims(directory, own, claimed):
    """A private key file with the secret number of `own` and the public point of `claimed`: TLS libraries take it for
    the key of `claimed`, and what it signs is not."""
    point = claimed.key.public_key().public_bytes(serialization.Encoding.X962,
                                                  serialization.PublicFormat.UncompressedPoint)
    secret = own.key.private_numbers().private_value.to_bytes(32, "big")
    curve = bytes.fromhex("06082a8648ce3d030107")
    body = (b"\x02\x01\x01" + b"\x04\x20" + secret + b"\xa0" + bytes([len(curve)]) + curve
            + b"\xa1\x44\x03\x42\x00" + point)
    text = base64.encodebytes(b"\x30" + bytes([len(body)]) + body).decode()
    path = Path(directory) / f"{own.label}-as-{claimed.label}.key"
    path.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n")
    return str(path)
