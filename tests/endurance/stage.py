"""The servers under load, and the issuer behind them: its keys come and go, and it knows opaque tokens."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from rig import Bench  # noqa: E402  the line above is how it is found
from support.blocks import issuer, location  # noqa: E402
from support.client_pki import SUBJECT, ClientPki  # noqa: E402
from support.clients import by_name, endpoint  # noqa: E402
from support.fake_issuer import FakeIssuer, document, key_set  # noqa: E402
from support.introspection import form_of  # noqa: E402
from support.keys import Key  # noqa: E402
from support.server import Host, Httpd  # noqa: E402
from support.tokens import AUDIENCE  # noqa: E402

COOLDOWN = 3
CHILDREN = 3
# as many children from the start to the end, whatever the load; `limit` leaves room for those that a graceful restart lets end
PROCESSES = ("StartServers 3\nServerLimit {limit}\nThreadsPerChild 16\nMaxRequestWorkers 48\nMinSpareThreads 33\nMaxSpareThreads 64\n"
             "MaxKeepAliveRequests 0\n")


class Rotation:
    """Publishes a new key, signs with it once everybody has had the time to fetch it, and withdraws the one before. `delay`: seconds
    that the issuer takes for an answer; `settled`: that it takes until everybody has a new set."""

    def __init__(self, fake, path="/jwks", interval=40, delay=0.0, settled=3 * COOLDOWN + 2):
        self._fake, self._path, self._interval, self._delay, self._settled = fake, path, interval, delay, settled
        self.signing, self.withdrawn = Key("ES256", kid="rotating-0"), None
        self.rotations = 0
        self._publish(self.signing)

    @property
    def fetches(self):
        return self._fake.count(self._path)

    def rotate(self, wait=time.sleep):
        """One turn; `wait` gets seconds."""
        key = Key("ES256", kid=f"rotating-{self.rotations + 1}")
        self.withdrawn = None
        self._publish(self.signing, key)
        wait(self._settled)
        before, self.signing = self.signing, key
        wait(2)
        self._publish(key)
        # who is asked about unknown keys fetches again; the regular refresh may be an hour away
        wait(self._settled)
        self.withdrawn = before
        self.rotations += 1

    def run(self, stop, _seconds):
        while not stop.is_set():
            self.rotate(stop.wait)
            stop.wait(max(0.0, self._interval - 2 * self._settled - 2))

    def _publish(self, *keys):
        self._fake.answer(self._path, key_set(*(key.jwk() for key in keys), delay=self._delay))


class Opaque:
    """Opaque tokens: the good ones say so in their names, with the certificate that they are bound to."""

    def __init__(self, fake, certificate, path="/introspect"):
        self._thumbprint = certificate.thumbprint
        fake.answer(path, self._answer)

    def good(self, name, _cnf):
        return f"good-{name}"

    def _answer(self, request):
        name, now = form_of(request)["token"], int(time.time())
        if not name.startswith("good-"):
            return document({"active": False})
        return document({"active": True, "sub": "alice", "client_id": "reports", "scope": "read", "aud": AUDIENCE, "iat": now - 5,
                         "exp": now + 600, "cnf": {"x5t#S256": self._thumbprint}})


class Stage:
    """Certificates, the issuer and any number of servers; all ends with the `with` block."""

    def __init__(self, **rotation):
        self.bench = Bench()
        self.pki = self.bench.pki
        clients = self.bench.directory / "clients"
        clients.mkdir()
        self.client_pki = ClientPki(clients)
        self.local = Key("ES256", kid="local")
        self._jwks = self.bench.jwks("local.json", self.local)
        self._secret = self.bench.directory / "introspection.secret"
        self._secret.write_text("a secret\n")
        self.fake = FakeIssuer(self.pki.server)
        self.rotation, self.opaque = Rotation(self.fake, **rotation), Opaque(self.fake, self.pki.owner)
        self._servers = []

    def server(self, limit=CHILDREN, more="", more_modules=()):
        """Starts one."""
        home = Path(tempfile.mkdtemp(dir=self.bench.directory))
        home.chmod(0o755)
        main = PROCESSES.format(limit=limit) + self._text(home) + more
        hosts = [Host(location("/api") + 'Alias "/token" "{root}/api"\n' + endpoint("/token") + "SSLVerifyDepth 5\n")]
        self._servers.append(Httpd(home, self.pki, main, hosts, level="warn", without=(), more=more_modules).start())
        return self._servers[-1]

    def tokens(self, name, count, key=None):
        """A file of bound tokens of the issuer with the key file, or of somebody who pretends to be it."""
        return self.bench.write(name, [self.bench.token(key or self.local, "urn:local") for _ in range(count)])

    def _text(self, home):
        required = "MTLSOAuthUseMutualTLS required"
        return (f'MTLSOAuthStateDir "{home}/state"\nMTLSOAuthOutgoingCACertificateFile "{self.pki.authority.path}"\n'
                f"MTLSOAuthJWKSCooldown {COOLDOWN}s\nMTLSOAuthOutgoingTimeout 1s\nMTLSOAuthTokenCache 2000\n"
                + issuer("urn:local", self._jwks, required)
                + issuer("urn:rotating", None, f'MTLSOAuthJWKSURI "{self.fake.url}/jwks"', "MTLSOAuthJWKSRefresh 60s", required)
                + issuer("urn:asked", self._jwks, f'MTLSOAuthIntrospectionURI "{self.fake.url}/introspect"', required,
                         "MTLSOAuthIntrospectionClientID rs", f'MTLSOAuthIntrospectionClientSecretFile "{self._secret}"',
                         "MTLSOAuthIntrospectionCache 10s")
                + "MTLSOAuthOpaqueTokenIssuer urn:asked\n"
                + f'MTLSOAuthClientCACertificateFile "{self.client_pki.ca_file}"\n' + by_name("dn", "dn", SUBJECT))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for server in self._servers:
            with contextlib.suppress(AssertionError):
                server.stop()
        self.fake.close()
        self.bench.remove()


def parent_of(server):
    return int((server.directory / "httpd.pid").read_text())


def crashes(server, killed=0):
    """Lines about children that did not end by themselves; those that were killed on purpose are left out."""
    lines = [line for line in server.lines() if "exit signal" in line]
    meant = [line for line in lines if "Killed (9)" in line][:killed]
    return [line for line in lines if line not in meant]


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_until(check, seconds):
    """Whether that came true in time."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not check():
        if time.monotonic() > end:
            return False
        pause.wait(0.05)
    return True
