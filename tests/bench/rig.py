"""What the measurements share: private servers that do nothing else, tokens, the load program, what the server used."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "httpd"))

from support import environment  # noqa: E402  the line above is how it is found
from support.encoding import decode  # noqa: E402,F401
from support.fake_issuer import FakeIssuer, document  # noqa: E402,F401
from support.keys import Key, write_jwks  # noqa: E402
from support.pki import Pki  # noqa: E402
from support.server import accepts, free_ports, parent_of  # noqa: E402
from support.tokens import AUDIENCE, bound_to, claims, mint  # noqa: E402,F401

BUILD = Path(os.environ.get("MTO_BUILD") or environment.SOURCE)
LOAD = BUILD / "obj" / "bench" / "load"
MICRO = BUILD / "obj" / "bench" / "micro"
BARE_EVP = BUILD / "obj" / "bench" / "mod_bare_evp.so"
MODULES = ["mpm_event", "unixd", "authn_core", "authz_core", "authz_user", "alias", "socache_shmcb", "ssl"]
DAY = 86400


class Bench:
    """A directory, certificates, and files of tokens."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="mto-bench-"))
        self.directory.chmod(0o755)
        self.pki = Pki(self.directory)
        self.client = self.directory / "client.pem"
        self.client.write_text(self.pki.owner.pem + Path(self.pki.owner.key_path).read_text())
        (self.directory / "htdocs").mkdir()
        (self.directory / "htdocs" / "page").write_text("a small file\n" * 20)

    def remove(self):
        if not environment.KEEP:
            shutil.rmtree(self.directory)

    def jwks(self, name, *keys):
        return write_jwks(self.directory / name, *(key.jwk(alg=key.algorithm.replace("Ed25519", "EdDSA")) for key in keys))

    def token(self, key, issuer, bound=True, **changes):
        """An ordinary token: some 600 bytes of claims."""
        said = claims(issuer, exp=int(time.time()) + DAY, jti=f"{time.monotonic_ns():032x}", sub="6f1c2a54-user@example.test",
                      scope="openid profile orders:read orders:write invoices:read", azp="reports", acr="urn:example:mfa",
                      auth_time=int(time.time()), name="Alice Example", email="alice@example.test",
                      roles=["auditor", "buyer"], **changes)
        if bound:
            said["cnf"] = bound_to(self.pki.owner)
        return mint(key, said, {"alg": key.algorithm.replace("Ed25519", "EdDSA")})

    def write(self, name, tokens):
        path = self.directory / f"{name}.tokens"
        path.write_text("".join(f"{token}\n" for token in tokens))
        return path


class Server:
    """A private httpd of one child process with a fixed number of threads; `text` stands in its virtual hosts. `under` is a
    command that runs it, with its arguments."""

    def __init__(self, bench, hosts, modules=(), main="", ours=True, under=()):
        self._under = under
        self.port, = free_ports(1)
        self.directory = Path(tempfile.mkdtemp(dir=bench.directory))
        self.directory.chmod(0o755)
        account = environment.server_account()
        lines = [f'LoadModule {name}_module "{environment.MODULES_DIR}/mod_{name}.so"' for name in (*MODULES, *modules)
                 if (environment.MODULES_DIR / f"mod_{name}.so").exists()]
        if ours:
            lines.append(f'LoadModule auth_mtls_oauth_module "{environment.MODULE}"')
        (self.directory / "httpd.conf").write_text("\n".join(lines) + f"""
ServerRoot "{self.directory}"
DefaultRuntimeDir "{self.directory}"
PidFile "{self.directory}/httpd.pid"
ServerName main.example.test
{f"User {account[0]}{chr(10)}Group {account[1]}" if account else ""}
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
MinSpareThreads 1
MaxSpareThreads 16
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LimitRequestFieldSize 32768
ErrorLog "{self.directory}/error.log"
LogLevel warn
Listen 127.0.0.1:{self.port}
SSLCACertificateFile "{bench.pki.authority.path}"
SSLCertificateFile "{bench.pki.server.path}"
SSLCertificateKeyFile "{bench.pki.server.key_path}"
SSLSessionCache "shmcb:{self.directory}/sessions(512000)"
DocumentRoot "{bench.directory}/htdocs"
Alias "/api" "{bench.directory}/htdocs"
<Directory "{bench.directory}/htdocs">
    Require all granted
</Directory>
{main}
""" + "".join(f'<VirtualHost 127.0.0.1:{self.port}>\nServerName {name}\nSSLEngine on\nSSLVerifyClient optional_no_ca\n'
              f"{text}\n</VirtualHost>\n" for name, text in hosts))
        self._process = None

    def __enter__(self):
        with open(self.directory / "output.log", "wb") as output:
            self._process = subprocess.Popen(
                [*self._under, environment.HTTPD, "-d", self.directory, "-f", self.directory / "httpd.conf", "-D", "FOREGROUND"],
                stdout=output, stderr=output, start_new_session=True)
        end = time.monotonic() + 20
        while not accepts(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.directory / "output.log").read_text() + self.log())
            time.sleep(0.05)
        time.sleep(0.5)
        return self

    def __exit__(self, *exception):
        self._process.terminate()
        self._process.wait(timeout=20)

    def log(self):
        path = self.directory / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def children(self):
        return [entry for entry in Path("/proc").glob("[0-9]*") if parent_of(entry) == self._process.pid]

    def nanoseconds(self):
        """What the threads of the child have used so far; threads that ended are not among them."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for child in self.children() for task in (child / "task").iterdir())

    def ticks(self):
        """The same in nanoseconds by the clock of the process, to a hundredth of a second, ended threads included."""
        used = 0
        for child in self.children():
            fields = (child / "stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Kilobytes of memory that the child has."""
        texts = [(child / "status").read_text() for child in self.children()]
        return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("VmRSS:"))


class Load:
    """The load program against some servers in turns; as soon as it is there, connections are open and tokens warm."""

    def __init__(self, bench, servers, path, tokens=None, host="localhost", requests=1000, seconds=None, warm=0,
                 connections=4, rest=0, row=1):
        self._servers = servers
        words = [LOAD, "-p", ",".join(str(server.port) for server in servers), "-H", host, "-u", path, "-c", bench.client,
                 "-j", connections, "-w", warm, "-d", rest, "-b", row, *(["-t", tokens] if tokens else []),
                 *(["-s", seconds] if seconds else ["-n", requests])]
        self._process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True)
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no load on {path}: {servers[0].log()[-2000:]}")

    def begin(self):
        self._before = [server.nanoseconds() for server in self._servers]
        self._say()
        return self

    def results(self, status=None):
        """What it says of each server, and the server's CPU time a request in microseconds."""
        lines = [self._process.stdout.readline() for _ in self._servers]
        if not all(lines):
            raise RuntimeError(f"the load broke off: {self._servers[0].log()[-2000:]}")
        used = [server.nanoseconds() - before for server, before in zip(self._servers, self._before)]
        self._say()
        self._process.wait()
        found = [json.loads(line) for line in lines]
        for one, nanoseconds, server in zip(found, used, self._servers):
            if status and set(one["statuses"]) != {status}:
                raise RuntimeError(f"{one['statuses']}: {server.log()[-2000:]}")
            one["cpu_us"] = nanoseconds / 1000 / one["requests"]
            one["rate"] = one["requests"] / one["seconds"]
        return found

    def _say(self):
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()


def protected(*lines):
    said = "\n".join(lines)
    return f'<Location "/api">\nAuthType mTLS-OAuth\n{said}\nRequire valid-user\n</Location>\n'


def block(issuer, jwks, *lines):
    said = "\n".join(lines)
    return (f'<MTLSOAuthIssuer "{issuer}">\nMTLSOAuthAudience https://api.example.test\nMTLSOAuthJWKSFile "{jwks}"\n'
            f"MTLSOAuthUseMutualTLS required\n{said}\n</MTLSOAuthIssuer>\n")


def keys_of_all_kinds():
    return {"RS256": Key("RS256", kid="rs"), "ES256": Key("ES256", kid="es"), "EdDSA": Key("Ed25519", kid="ed")}


def micro(bench, keys, *options):
    """What obj/bench/micro says about a token of each key."""
    tokens = [bench.token(key, f"urn:{name}") for name, key in keys.items()]
    words = [MICRO, *options, bench.jwks("micro.json", *keys.values()), *tokens]
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, check=True).stdout
