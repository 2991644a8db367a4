"""Makes the certificate authority, the server's certificate and the clients' certificates of one test session."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.encoding import thumbprint

# every name a virtual host of the tests may have
SERVER_NAMES = ["localhost", "example.test", "*.example.test"]


class Certificate:
    """One certificate with its private key, in memory and as the PEM files that httpd and the clients read."""

    def __init__(self, directory, label, certificate, key):
        self.certificate = certificate
        self.key = key
        self.label = label
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.thumbprint = thumbprint(self.der)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.path = str(Path(directory) / f"{label}.pem")
        self.key_path = str(Path(directory) / f"{label}.key")
        Path(self.path).write_text(self.pem)
        Path(self.key_path).write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Pki:
    """CA, server and clients, valid for `days`; `renewed` is a new certificate over the owner's key, `stranger` no CA here knows."""

    def __init__(self, directory, days=2):
        self._directory = directory
        self._days = days
        self.authority = self._authority("ca")
        names = [x509.DNSName(name) for name in SERVER_NAMES] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        self.server = self._signed("server", ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names))
        self.owner = self.client("owner")
        self.thief = self.client("thief")
        self.renewed = self.client("renewed", key=self.owner.key, subject="owner")
        self.stranger = self._self_signed("stranger")

    def client(self, label, key=None, subject=None):
        """One more client certificate of the CA."""
        return self._signed(label, ExtendedKeyUsageOID.CLIENT_AUTH, key=key, subject=subject)

    def _authority(self, label):
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(label)
        builder = self._builder(name, name, key).add_extension(x509.BasicConstraints(True, None), critical=True)
        return Certificate(self._directory, label, builder.sign(key, hashes.SHA256()), key)

    def _signed(self, label, usage, names=None, key=None, subject=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(subject or label), self.authority.certificate.subject, key)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(names, critical=False)
        return Certificate(self._directory, label, builder.sign(self.authority.key, hashes.SHA256()), key)

    def _self_signed(self, label):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(label), _name(label), key)
        return Certificate(self._directory, label, builder.sign(key, hashes.SHA256()), key)

    def _builder(self, subject, issuer, key):
        now = datetime.datetime.utcnow()
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                .not_valid_after(now + datetime.timedelta(days=self._days)))


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
