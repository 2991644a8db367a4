"""A real authorization server: installs tests/as outside of the source tree, runs it as a child process, and asks it for tokens."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from support import environment
from support.client import Connection, tls_context
from support.encoding import encode
from support.keys import unsigned
from support.server import accepts, free_ports

SOURCE = environment.SOURCE / "tests" / "as"
INSTALLED = ["package.json", "package-lock.json", ".npmrc"]
START_SECONDS = 60


def missing():
    """Why the server cannot run here, else None."""
    absent = [name for name in ("node", "npm") if not shutil.which(name)]
    return f"{' and '.join(absent)} not found: install nodejs and npm" if absent else None


def install():
    """The directory with the server and its dependencies; `npm ci` runs only when the lock file is another one."""
    home = _install_directory()
    with open(home / "lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        shutil.copy(SOURCE / "server.mjs", home)
        wanted = b"".join((SOURCE / name).read_bytes() for name in INSTALLED)
        done = home / "installed"
        if not done.exists() or done.read_bytes() != wanted:
            for name in INSTALLED:
                shutil.copy(SOURCE / name, home)
            ran = subprocess.run(["npm", "ci", "--ignore-scripts", "--omit=dev"], cwd=home, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
            assert ran.returncode == 0, f"npm ci in {home} failed:\n{ran.stdout}"
            done.write_bytes(wanted)
    return home


@contextlib.contextmanager
def running(text, home, port):
    """A program for node with this text, run in `home`, from when it accepts on that port."""
    program = install() / f"program-{port}.mjs"
    program.write_text(text)
    with open(home / "output", "wb") as output:
        process = subprocess.Popen(["node", str(program)], cwd=home, stdout=output, stderr=output)
    try:
        end = time.monotonic() + START_SECONDS
        while not accepts(port):
            assert process.poll() is None and time.monotonic() < end, (home / "output").read_text(errors="replace")[-4000:]
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()
        program.unlink()


def _install_directory():
    build = os.environ.get("MTO_BUILD")
    home = Path(build) / "obj" / "as" if build else Path(tempfile.gettempdir()) / f"mto-as-{os.getuid()}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    assert home.stat().st_uid == os.getuid(), f"{home} belongs to somebody else"
    return home


def private_jwk(key, **members):
    """A signing key of support.keys as a private JWK (EC and RSA)."""
    numbers = key.private.private_numbers()
    if hasattr(numbers, "private_value"):
        size = (key.private.key_size + 7) // 8
        secret = {"d": encode(numbers.private_value.to_bytes(size, "big"))}
    else:
        secret = {name: unsigned(value) for name, value in {
            "d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}.items()}
    return {**key.jwk(alg=key.algorithm, use="sig"), **secret, **members}


def subject_client(client_id, certificate):
    """Client metadata of tls_client_auth: the certificate's subject as RFC 4514 text."""
    return {**_client(client_id, "tls_client_auth"), "tls_client_auth_subject_dn": certificate.certificate.subject.rfc4514_string()}


def certificate_client(client_id, certificate):
    """Client metadata of self_signed_tls_client_auth: a JWK with the certificate in x5c."""
    numbers = certificate.key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": encode(numbers.x.to_bytes(32, "big")), "y": encode(numbers.y.to_bytes(32, "big")),
           "kid": certificate.label, "x5c": [_base64_der(certificate)]}
    return {**_client(client_id, "self_signed_tls_client_auth"), "jwks": {"keys": [jwk]}}


def secret_client(client_id, secret):
    """A resource server that introspects with HTTP Basic."""
    return {**_client(client_id, "client_secret_basic"), "client_secret": secret, "tls_client_certificate_bound_access_tokens": False}


def _client(client_id, method):
    return {"client_id": client_id, "token_endpoint_auth_method": method, "grant_types": ["client_credentials"],
            "redirect_uris": [], "response_types": [], "tls_client_certificate_bound_access_tokens": True}


def _base64_der(certificate):
    der = certificate.certificate.public_bytes(serialization.Encoding.PEM).decode()
    return "".join(der.splitlines()[1:-1])


class AuthorizationServer:
    """One running server. `resources` and `clients` are members of its configuration (see server.mjs); `path` is the issuer's;
    `front` is the origin of the server that it stands behind, if it does."""

    def __init__(self, directory, pki, keys, clients, resources, path="", rfc8414=True, front=None):
        self.directory = Path(directory)
        self._home = install()
        self._pki = pki
        self._process = None
        self._readings = 0
        self._configuration = self.directory / "as.json"
        self._log = self.directory / "as.log"
        self._output = b""
        self.port, mtls_port = free_ports(2)
        self.issuer = (front or f"https://localhost:{self.port}") + path
        self.mtls = (front or f"https://localhost:{mtls_port}") + path
        self._settings = {
            "issuer": self.issuer, "port": self.port, "mtlsPort": mtls_port, "behind": front is not None, "key": pki.server.key_path, "certificate": pki.server.path,
            "clientAuthority": pki.authority.path, "log": str(self._log), "rfc8414": rfc8414, "resources": resources, "clients": clients}
        self._sign_with(keys, keys[0])

    def start(self):
        self._readings = 0
        self._output = b""
        with open(self.directory / "as.err", "ab") as errors:
            self._process = subprocess.Popen(["node", str(self._home / "server.mjs"), str(self._configuration)], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, stderr=errors)
        self._ready()
        return self

    def stop(self):
        """Ends it; from here on connections are refused until the next start, which has the same ports."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process = None

    def hang(self):
        """From here on connections are accepted and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def rotate(self, keys, signer=None):
        """Publishes exactly these keys and signs with `signer`, else with the first; returns when that holds."""
        self._sign_with(keys, signer or keys[0])
        self._process.send_signal(signal.SIGHUP)
        self._ready()

    def requests(self, path=None):
        """What was asked so far: {time, method, path, status, port}, of one path or all."""
        if not self._log.exists():
            return []
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if path is None or line["path"] == path]

    def ask_for_token(self, client_id, certificate, resource, scope="read write"):
        """The token endpoint's answer to client_credentials: (status, JSON)."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "resource": resource, "scope": scope}
        return self.post("/token", form, certificate)

    def token(self, client_id, certificate, resource, scope="read write"):
        """An access token."""
        status, answer = self.ask_for_token(client_id, certificate, resource, scope)
        assert status == 200, answer
        return answer["access_token"]

    def post(self, path, form, certificate=None, headers=()):
        """A form to an endpoint of the port that asks for certificates: (status, JSON or text)."""
        body = urllib.parse.urlencode(form).encode()
        return self._exchange(self.mtls + path, "POST", body, certificate, [("Content-Type", "application/x-www-form-urlencoded"), *headers])

    def get(self, path):
        """A document of the port that metadata and keys are on: (status, JSON or text)."""
        return self._exchange(self.issuer.rsplit(":", 1)[0] + f":{self._settings['port']}{path}", "GET", b"", None, [])

    def _exchange(self, url, method, body, certificate, headers):
        parts = urllib.parse.urlsplit(url)
        connection = Connection(parts.port, parts.hostname, tls_context(self._pki.authority.path, certificate))
        try:
            answer = connection.request(parts.path, None, method, [*headers, ("Connection", "close")], body)
        except ssl.SSLError as error:
            raise AssertionError(f"{url}: {error}") from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(answer.body)
        except ValueError:
            return answer.status, answer.body.decode(errors="replace")

    def _sign_with(self, keys, signer):
        self._settings["signingKeys"] = [private_jwk(key) for key in keys]
        self._settings["signWith"] = signer.kid
        self._configuration.write_text(json.dumps(self._settings))

    def _ready(self):
        self._readings += 1
        end = time.monotonic() + START_SECONDS
        while b"\n" not in self._output:
            left = max(0, end - time.monotonic())
            readable, _, _ = select.select([self._process.stdout], [], [], left)
            more = os.read(self._process.stdout.fileno(), 4096) if readable else b""
            assert more, "the authorization server did not start:\n" + (self.directory / "as.err").read_text(errors="replace")[-4000:]
            self._output += more
        line, self._output = self._output.split(b"\n", 1)
        assert line == f"ready {self._readings}".encode(), line.decode()
