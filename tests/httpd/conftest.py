"""Fixtures of the httpd tests: one PKI and one set of keys a session, servers that live as long as their test file."""

import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from support import environment
from support.back_end import BackEnd, FastCgi
from support.client import Connection, tls_context
from support.client_pki import ClientPki
from support.fake_issuer import FakeIssuer
from support.introspection import Known
from support.keys import Key, write_jwks
from support.pki import Pki
from support.server import Httpd


def pytest_configure():
    # whoever ends this run early ends the servers too: leave through the fixtures
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not environment.MODULE.exists():
        raise pytest.UsageError(f"{environment.MODULE} is not built (MTO_MODULE names another)")
    if not environment.HTTPD or not environment.MODULES_DIR.is_dir():
        raise pytest.UsageError("no httpd found: set MTO_HTTPD and MTO_MODULES_DIR")


@pytest.fixture(scope="session")
def work():
    """A directory that httpd's children can enter, which pytest's own tmp_path is not for them."""
    directory = Path(tempfile.mkdtemp(prefix="mto-httpd-"))
    directory.chmod(0o755)
    yield directory
    if not environment.KEEP:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def pki(work):
    return Pki(work)


@pytest.fixture(scope="session")
def client_pki(work):
    """The CAs and certificates of OAuth clients."""
    directory = work / "clients"
    directory.mkdir()
    return ClientPki(directory)


@pytest.fixture(scope="session")
def key():
    """The key most tokens are signed with."""
    return Key("ES256", kid="k1")


@pytest.fixture(scope="session")
def jwks(work, key):
    """The JWK Set file with that key."""
    return write_jwks(work / "jwks.json", key.jwk(alg="ES256"))


@pytest.fixture(scope="session")
def make_httpd(work, pki):
    """Makes a server without starting it: for configtest."""
    def make(*args, **settings):
        return Httpd(_new_directory(work), pki, *args, **settings)
    return make


@pytest.fixture(scope="module")
def launch(make_httpd):
    """Starts servers that end with the test file."""
    started = []

    def start(*args, **settings):
        started.append(make_httpd(*args, **settings))
        return started[-1].start()
    yield start
    faults = []
    for server in started:
        try:
            server.stop()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="module")
def connect(pki):
    """Kept-alive connections, one for each (server, host, certificate, TLS version), closed with the test file."""
    opened = {}

    def connection(server, certificate=None, host="localhost", version=None):
        label = (server.port, host, certificate and certificate.label, version)
        if label not in opened:
            context = tls_context(pki.authority.path, certificate, version)
            opened[label] = Connection(server.port, host, context)
        return opened[label]
    yield connection
    for one in opened.values():
        one.close()


@pytest.fixture(scope="module")
def back():
    """A web server to stand behind httpd."""
    made = BackEnd()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def fast_cgi():
    """A FastCGI application to stand behind httpd."""
    made = FastCgi()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def fake():
    """An issuer in clear text that answers as a test says."""
    made = FakeIssuer()
    yield made
    made.close()


@pytest.fixture
def known(fake):
    """The tokens that issuer knows."""
    return Known(fake)


def _new_directory(work):
    directory = Path(tempfile.mkdtemp(dir=work))
    directory.chmod(0o755)
    return directory
