"""One private httpd: writes its configuration, starts, reloads and stops it, and reads its log."""

import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from support import environment, sanitizer

MODULES = ["log_config", "unixd", "authn_core", "authz_core", "authz_user", "authz_host", "auth_basic", "authn_file",
           "alias", "dir", "env", "headers", "setenvif", "mime", "rewrite", "include", "negotiation", "filter",
           "socache_shmcb", "ssl", "http2", "proxy", "proxy_http"]

# a child's threads before the MPM's: its own, the module's three, one of a sanitizer; no test has an MPM of as few
EARLY_THREADS = 5

# two children of 25 threads: the MPM makes the second one anew, but no third one a second after the start
SPARE = "MinSpareThreads 26\n"

# what a test reads off an answer: the user, and the environment the module set
SHOWN = {"X-User": "REMOTE_USER", "X-Auth-Type": "AUTH_TYPE", **{
    "X-" + name.title().replace("_", "-"): f"reqenv:MTLS_OAUTH_{name}" for name in (
        "ISSUER", "SUBJECT", "CLIENT_ID", "CLIENT_AUTH_METHOD", "SCOPE", "JTI", "BINDING", "CERT_THUMBPRINT", "REFUSAL",
        "REPORTED")}}

FILES = {"public.txt": "for everyone\n", "api/secret.txt": "the secret\n"}


@dataclass
class Host:
    """A virtual host; `verify` is its SSLVerifyClient, None leaves that line out."""

    text: str = ""
    name: str = "localhost"
    tls: bool = True
    verify: str = "optional_no_ca"


# Frames of a crash that is httpd's own: told to end at once, a child of the event MPM closes its workers' sockets in its first
# thread (close_worker_sockets) while a worker may be giving the memory of one back.
CLOSING = re.compile(r"\(apr_os_sock_get\+\S+\n\S*/mod_mpm_event\.so\(")


class Httpd:
    """`main` is configuration of the main server; `{root}` in any text is the document root; `without` are
    modules of httpd to leave out, mod_http2 unless a test needs it, `more` others to load; `ours` is "first" or
    "last" to be loaded; `sessions` is the SSLSessionCache."""

    def __init__(self, directory, pki, main="", hosts=(), files=None, level="debug", mpm="event", ours="last",
                 without=("http2",), more=(), sessions="shmcb:{directory}/sessions(512000)"):
        self.directory = Path(directory)
        self._pki = pki
        self._modules = [f"mpm_{mpm}", *(name for name in [*MODULES, *more] if name not in without)]
        self._ours = ours
        self._sessions = sessions.format(directory=directory)
        self._process = None
        self._threaded = mpm != "prefork"
        self._read_until = 0
        self.port, self.plain_port = free_ports(2)
        self.root = self.directory / "htdocs"
        self.log = self.directory / "error.log"
        self._configuration = self.directory / "httpd.conf"
        self._sanitizer = self.directory / "sanitizer"
        for made in (self.root, self._sanitizer):
            made.mkdir()
        self._sanitizer.chmod(0o777)
        for name, text in (FILES if files is None else files).items():
            self.write(name, text)
        self.configure(main, hosts, level)

    def write(self, name, text):
        """A file of the document root, by its relative name."""
        path = self.root / name
        assert self.root in path.parents, name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def configure(self, main="", hosts=(), level="debug"):
        """Replaces the configuration; it holds from the next start or reload."""
        text = self._base(level) + main + "".join(self._host(host) for host in hosts)
        self._configuration.write_text(text.replace("{root}", str(self.root)))

    def configtest(self, *defines):
        """Exit code and everything that `httpd -t` says."""
        done = subprocess.run(self._command("-t", *[word for name in defines for word in ("-D", name)]),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False,
                              errors="replace", env=sanitizer.process_environment(self._sanitizer))
        faults = self._faults()
        assert not faults, faults
        return done.returncode, done.stdout

    def start(self):
        """Returns when the server accepts; a server that does not start raises with its log."""
        with open(self.directory / "output.log", "wb") as output:
            # a session of its own, since the prefork MPM ends with a signal to its whole process group
            self._process = subprocess.Popen(self._command("-D", "FOREGROUND"), stdout=output, stderr=output,
                                             start_new_session=True, env=sanitizer.process_environment(self._sanitizer))
        # it listens before it takes signals; each question whether it accepts counts for MaxConnectionsPerChild
        self._until(lambda: self._resumed() and self._settled() and accepts(self.port) and accepts(self.plain_port), "did not start")
        return self

    def reload(self):
        """Graceful restart; returns when only children with the new configuration are left."""
        seen, children = self._resumed(), self._children()
        self._process.send_signal(signal.SIGUSR1)
        # how many there are is the MPM's affair: it may replace them one by one, or only as MinSpareThreads asks
        self._until(lambda: self._resumed() > seen and self._children() and not children & self._children()
                    and self._settled(), "did not reload")

    def stop(self):
        """Ends the process; a child that crashed or a sanitizer report fails the caller."""
        if self._process is None:
            return
        faults = self._faults()
        # it makes no more children from here on, and those that are there have time to start
        self._process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 20
        while not (self._stands() and self._settled()) and time.monotonic() < end:
            time.sleep(0.02)
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        # the workers of mod_http2 may outlive their memory while a child ends: its servers answer for their life only
        if "http2" not in self._modules:
            faults = self._faults()
        assert not faults, faults

    def lines(self):
        """The whole error log."""
        return self.log.read_text(errors="surrogateescape").splitlines() if self.log.exists() else []

    def new_lines(self):
        """What the error log gained since the last call."""
        everything = self.lines()
        gained = everything[self._read_until:]
        self._read_until = len(everything)
        return gained

    def refusals(self):
        """The refusal lines among the new lines of the log, from the word `refused` on."""
        found = (re.search(r"\brefused (?:\w+) .*", line) for line in self.new_lines())
        return [match.group(0) for match in found if match]

    def _base(self, level):
        account = environment.server_account()
        return f"""
ServerRoot "{self.directory}"
DefaultRuntimeDir "{self.directory}"
PidFile "{self.directory}/httpd.pid"
ServerName main.example.test
{load_modules(self._modules, self._ours)}
{f"User {account[0]}{chr(10)}Group {account[1]}" if account else ""}
StartServers 2
{SPARE if self._threaded else ""}MaxKeepAliveRequests 0
KeepAliveTimeout 60
GracefulShutdownTimeout 5
LimitRequestFieldSize 131072
ErrorLog "{self.log}"
LogLevel notice auth_mtls_oauth:{level}
TypesConfig /dev/null
Listen 127.0.0.1:{self.port}
Listen 127.0.0.1:{self.plain_port}
<IfModule ssl_module>
    SSLSessionCache "{self._sessions}"
    SSLCACertificateFile "{self._pki.authority.path}"
    SSLCertificateFile "{self._pki.server.path}"
    SSLCertificateKeyFile "{self._pki.server.key_path}"
</IfModule>
DocumentRoot "{{root}}"
<Directory "/">
    Require all denied
</Directory>
<Directory "{{root}}">
    Require all granted
</Directory>
""" + "".join(f'Header always set {header} "expr=%{{{variable}}}"\n' for header, variable in SHOWN.items())

    def _host(self, host):
        tls = ["SSLEngine on"]
        if "http2" in self._modules:
            tls.append("Protocols h2 http/1.1")
        if host.verify:
            tls.append(f"SSLVerifyClient {host.verify}")
        return (f"<VirtualHost 127.0.0.1:{self.port if host.tls else self.plain_port}>\n"
                f"ServerName {host.name}\n" + "\n".join(tls if host.tls else []) + f"\n{host.text}\n</VirtualHost>\n")

    def _command(self, *arguments):
        return [environment.HTTPD, "-d", str(self.directory), "-f", str(self._configuration), *arguments]

    def _children(self):
        return {entry.name for entry in Path("/proc").glob("[0-9]*") if parent_of(entry) == self._process.pid}

    def _stands(self):
        """Whether the process has stopped: it may be in the middle of a fork when it is told to. One that has ended stands, too."""
        return state_of(self._process.pid) in ("T", "Z", None)

    def _settled(self):
        """Whether all children have started. One that is told to end before crashes at times, with any modules: the event MPM
        frees its pools in the handler of the signal, and what the signal broke into may have been malloc. The daemon of mod_cgid
        has no threads: it counts by its age."""
        if not self._threaded:
            return all(age_of(child) > 1 for child in self._children())
        grace = 2 if "cgid" in self._modules else 30
        return all(threads_of(child) > EARLY_THREADS or age_of(child) > grace for child in self._children())

    def _resumed(self):
        return sum("resuming normal operations" in line for line in self.lines())

    def _until(self, condition, complaint):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if condition():
                return
            time.sleep(0.02)
        said = (self.directory / "output.log").read_text(errors="replace")
        raise RuntimeError(f"httpd {complaint}:\n{said}\n" + "\n".join(self.lines()[-40:]))

    def _faults(self):
        """Crashes of children, with the frames that they were in, and reports of the sanitizers."""
        lines = self.lines()
        crashes = [line for line in lines if "exit signal" in line]
        frames = [line for line in lines if crashes and "[0x" in line]
        if len(crashes) == len(CLOSING.findall("\n".join(frames))):
            crashes, frames = [], []
        return "\n".join(crashes + frames) + sanitizer.reports(self._sanitizer)


def load_modules(names, ours):
    """LoadModule lines; a module of httpd that is no shared object here is linked into it."""
    paths = [(name, environment.MODULES_DIR / f"mod_{name}.so") for name in names]
    lines = [f'LoadModule {name}_module "{path}"' for name, path in paths if path.exists()]
    lines.insert(0 if ours == "first" else len(lines), f'LoadModule auth_mtls_oauth_module "{environment.MODULE}"')
    return "\n".join(lines)


def free_ports(count):
    """Loopback ports nobody listens on now, and that nobody who asks here, or for any port, is given soon."""
    ports = []
    while len(ports) < count:
        port = next(_ports)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            ports.append(port)
        except OSError:
            continue
    return ports


def _own_ports():
    """Each process that runs tests has its own, below those that the system gives to who asks for any."""
    first, each = 12000, 2000
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw")) % 10
    start = random.randrange(each)
    return itertools.cycle(first + each * worker + (start + step) % each for step in range(each))


_ports = _own_ports()


def parent_of(process):
    """The parent's number of a process under /proc; None when it is gone."""
    try:
        # the command's name in parentheses may hold anything: what counts stands behind it
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def state_of(process):
    """The letter that /proc has for what a process is doing; None when it is gone."""
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def age_of(child):
    """Seconds since a process began."""
    try:
        begin = int(Path("/proc", child, "stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(Path("/proc/uptime").read_text().split()[0]) - begin
    except OSError:
        return sys.maxsize


def threads_of(child):
    """How many threads a process has; as many as anybody may want when it is gone."""
    try:
        return int(re.search(r"Threads:\s+(\d+)", Path("/proc", child, "status").read_text()).group(1))
    except (OSError, AttributeError):
        return sys.maxsize


def accepts(port):
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
