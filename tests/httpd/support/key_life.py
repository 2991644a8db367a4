"""What the tests of an issuer's keys share: issuers far away and near, answers that keys are missing, patience, and the server's processes."""

import concurrent.futures
import os
import time
from pathlib import Path

from support.blocks import issuer
from support.client import Connection, tls_context
from support.fake_issuer import FakeIssuer, key_set

PATH = "/api/secret.txt"
SOON = 5  # seconds for what the specification says happens within a few

# two children from the start to the end, for the event and worker MPM: after a reload those come by MinSpareThreads alone
STEADY = "StartServers 2\nServerLimit 2\nThreadsPerChild 8\nMaxRequestWorkers 16\nMinSpareThreads 9\nMaxSpareThreads 17\n"


def remote(iss, *lines, **settings):
    """An issuer block without key files."""
    return issuer(iss, None, *lines, **settings)


def outgoing(pki, state="off", cooldown="1s", timeout="2s"):
    """Lines of the main server: small times, the test CA, and a directory for state."""
    where = state if state == "off" else f'"{state}"'
    return (f'MTLSOAuthStateDir {where}\nMTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"\n'
            f"MTLSOAuthJWKSCooldown {cooldown}\nMTLSOAuthOutgoingTimeout {timeout}\n")


def publishing(pki, key, path):
    """What a fixture yields from: an issuer that publishes this key there."""
    made = FakeIssuer(pki.server)
    made.answer(path, key_set(key.jwk()))
    yield made
    made.close()


class Asker:
    """Sends tokens to one server; every thread has a connection of its own, `fresh` takes a new one."""

    def __init__(self, server, pki, host="localhost"):
        self._port = server.port
        self._host = host
        self._context = tls_context(pki.authority.path)

    def fresh(self, token, path=PATH):
        connection = Connection(self._port, self._host, self._context)
        try:
            return connection.request(path, token)
        finally:
            connection.close()

    def kept(self):
        """A connection for many requests; the caller closes it."""
        return Connection(self._port, self._host, self._context)

    def timed(self, token):
        """(answer, seconds it took)."""
        begin = time.monotonic()
        answer = self.fresh(token)
        return answer, time.monotonic() - begin

    def at_once(self, tokens, threads=16):
        """The answers to these tokens, asked for side by side."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self.fresh, tokens))


def ask(server, pki, token, certificate=None):
    """One request over a connection of its own."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, certificate))
    try:
        return connection.request(PATH, token)
    finally:
        connection.close()


def unavailable(answer):
    """Keys could not be had: 503, Retry-After in seconds, nothing about the token."""
    assert (answer.status, answer.refusal) == (503, "keys_unavailable"), answer
    assert (answer.header("Retry-After") or "").isdigit() and int(answer.header("Retry-After")) > 0, answer.headers
    assert answer.challenge is None and not answer.user and not answer.binding, answer
    assert b"the secret" not in answer.body


def eventually(check, seconds=SOON):
    """Calls `check` until it no longer fails; its last failure is the test's."""
    end = time.monotonic() + seconds
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def over(cooldown=1.0):
    """Waits until a cooldown has gone by."""
    time.sleep(cooldown + 0.2)


def parent_process(server):
    return int((server.directory / "httpd.pid").read_text())


def children(server):
    """The process ids of the server's children."""
    parent = parent_process(server)
    return {pid for pid in _processes() if _parent_of(pid) == parent}


def threads(pid):
    return _entries(f"/proc/{pid}/task")


def descriptors(pid):
    return _entries(f"/proc/{pid}/fd")


def peak_memory(pid):
    """The most memory a process ever had, in KiB."""
    said = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(said["VmHWM"].split()[0])


def shared_mappings(pid):
    """Regions of shared memory that are no program or library."""
    lines = (line.split(None, 5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
    return sum(fields[1].endswith("s") for fields in lines)


def owner_of_port(port, candidates):
    """Which of these processes has a TCP connection from that local port; None: none of them."""
    sockets = {f"socket:[{fields[9]}]" for fields in _tcp() if int(fields[1].rsplit(":", 1)[1], 16) == port}
    for pid in candidates:
        for name in _names(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{name}") in sockets:
                    return pid
            except OSError:
                continue
    return None


def _tcp():
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            yield line.split()


def _processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def _entries(path):
    return len(_names(path))


def _names(path):
    try:
        return os.listdir(path)
    except OSError:
        return []
