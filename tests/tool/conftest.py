"""Fixtures of the tool's tests: keys of every kind, one issuer's key set, two certificates."""

import bench
import pytest


def pytest_configure():
    if not bench.TOOL.exists():
        raise pytest.UsageError(f"{bench.TOOL} is not built (MTO_TOOL names another)")


@pytest.fixture(scope="session")
def keys():
    """One private key of each kind."""
    return {kind: bench.make_key(kind) for kind in {row[0] for row in bench.ALGORITHMS.values()}}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tool")


@pytest.fixture(scope="session")
def key(keys):
    """The key most tokens are signed with, for ES256."""
    return keys["P-256"]


@pytest.fixture(scope="session")
def jwks(folder, key):
    """The file of the issuer's key set, which holds that key as k1."""
    return bench.write_json(folder / "jwks.json", {"keys": [bench.public_jwk(key, kid="k1", alg="ES256")]})


@pytest.fixture(scope="session")
def owner(folder):
    """The certificate that tokens are bound to, with its PEM file as `.path`."""
    return _Certificate(folder / "owner.pem", "owner")


@pytest.fixture(scope="session")
def thief(folder):
    return _Certificate(folder / "thief.pem", "thief")


class _Certificate:
    def __init__(self, path, name):
        self.x509 = bench.make_certificate(name)
        self.x5t = bench.x5t(self.x509)
        self.path = str(path)
        path.write_bytes(bench.certificate_pem(self.x509))
