"""Traffic of every kind for some servers at once, and what became of it."""

import collections
import http.client
import json
import random
import subprocess
import threading
import time

from rig import LOAD
from support.client import Connection, tls_context
from support.clients import FORM_TYPE, form
from support.http2 import Http2Connection, StreamRefused
from support.keys import Key
from support.tokens import bound_to, claims, mint

PATH = "/api/secret.txt"
FAILURES = (OSError, EOFError, http.client.HTTPException)


class Outcomes:
    """How often each kind of request came to what; whatever is not among the wanted outcomes of its kind is a fault."""

    def __init__(self):
        self.of = collections.defaultdict(collections.Counter)
        self.faults = collections.Counter()
        self.examples = []
        self.slowest = collections.Counter()
        self._lock = threading.Lock()

    def add(self, kind, outcome, wanted, number=1, slowest=0.0):
        with self._lock:
            self.of[kind][outcome] += number
            self.slowest[kind] = max(self.slowest[kind], slowest)
            if outcome not in wanted:
                self.faults[kind, outcome] += number
                if len(self.examples) < 20:
                    self.examples.append(f"{time.strftime('%H:%M:%S')} {kind}: {outcome}, wanted {' or '.join(map(str, wanted))}")

    def table(self):
        for kind in sorted(self.of):
            told = ", ".join(f"{outcome}: {count}" for outcome, count in sorted(self.of[kind].items(), key=str))
            yield f"  {kind:32} {told}; slowest {self.slowest[kind]:.2f} s"


class Steady:
    """The load program, again and again for some seconds: many requests with a file of tokens, one wanted status; `once`: a connection
    for each."""

    def __init__(self, bench, kind, servers, tokens, wanted, outcomes, connections=4, rest=2000, lost_allowed=False,
                 once=False):
        self._words = [LOAD, "-r", "-p", ",".join(str(server.port) for server in servers), "-H", "localhost", "-u", PATH, "-c", bench.client,
                       "-t", tokens, "-j", connections, "-d", rest, *(["-o"] if once else [])]
        self._kind, self._wanted, self._outcomes, self._lost_allowed = kind, wanted, outcomes, lost_allowed

    def run(self, stop, seconds):
        while not stop.is_set():
            done = subprocess.run([str(word) for word in (*self._words, "-s", seconds)], input="\n\n", stdout=subprocess.PIPE, text=True, check=True)
            for line in done.stdout.splitlines():
                if line.startswith("{"):
                    self._note(json.loads(line))

    def _note(self, said):
        for status, number in said["statuses"].items():
            self._outcomes.add(self._kind, int(status), self._wanted, number, said["slowest_us"] / 1e6)
        if said["again"]:
            self._outcomes.add(self._kind, "sent again", ("sent again",), said["again"])
        if said["lost"]:
            self._outcomes.add(self._kind, "lost", ("lost",) if self._lost_allowed else (), said["lost"])


class Asked:
    """A kept connection to one server that is opened again as any client does it: see tests/bench/load.c."""

    def __init__(self, server, context, host="localhost"):
        self._make = lambda: Connection(server.port, host, context)
        self._connection, self.again = self._make(), 0

    def request(self, *arguments, **settings):
        used = self._connection.tls is not None
        try:
            return self._connection.request(*arguments, **settings)
        except FAILURES:
            self._connection.close()
            if not used:
                raise
            self.again += 1
            return self._connection.request(*arguments, **settings)

    def close(self):
        self._connection.close()


class Mixed:
    """One request of each kind after the other, to one server."""

    def __init__(self, name, server, pki, client_pki, rotation, opaque, local, outcomes, lost_allowed=False, rest=0.02):
        self._name, self._server, self._outcomes, self._rest, self._lost = name, server, outcomes, rest, lost_allowed
        self._contexts = {label: tls_context(pki.authority.path, certificate) for label, certificate in (
            ("owner", pki.owner), ("HTTP/2", pki.owner), ("thief", pki.thief), ("reports", client_pki.reports), ("mask", client_pki.mask))}
        self._cnf = {"cnf": bound_to(pki.owner)}
        self._rotation, self._opaque, self._local = rotation, opaque, local
        self._kept = Asked(server, self._contexts["owner"])
        self._stranger = Key("ES256", kid="stranger")
        self._number = 0
        self._kinds = [("good, kept connection", (200,), self._good), ("stolen", (401,), self._stolen), ("expired", (401,), self._expired),
                       # an issuer that does not answer at once may leave it open whether there is such a key
                       ("unknown kid", (401, 503), self._unknown), ("bad signature", (401,), self._bad),
                       ("good, rotating keys", (200,), self._rotating), ("withdrawn key", (401,), self._withdrawn),
                       ("good, opaque", (200,), self._good_opaque), ("inactive, opaque", (401,), self._inactive),
                       ("good client", (200,), self._client), ("wrong client", (401,), self._wrong_client),
                       ("good, HTTP/2", (200,), self._http2)]

    def run(self, stop, _seconds):
        while not stop.is_set():
            for kind, wanted, ask in self._kinds:
                if not stop.is_set():
                    self._once(kind, wanted, ask)
                    stop.wait(self._rest * random.uniform(0.5, 1.5))
        self._kept.close()
        if self._kept.again:
            self._outcomes.add(f"{self._name}: good, kept connection", "sent again", ("sent again",), self._kept.again)

    def _once(self, kind, wanted, ask):
        self._number += 1
        begin = time.monotonic()
        try:
            answer = ask()
        except FAILURES as fault:
            outcome = "lost" if self._lost else f"lost ({type(fault).__name__}: {fault})"
            self._outcomes.add(f"{self._name}: {kind}", outcome, ("lost",), 1, time.monotonic() - begin)
            return
        if answer is not None:
            self._outcomes.add(f"{self._name}: {kind}", answer if isinstance(answer, int) else answer.status, wanted, 1, time.monotonic() - begin)

    def _fresh(self, label, path, token=None, **settings):
        connection = Connection(self._server.port, "localhost", self._contexts[label])
        try:
            return connection.request(path, token, **settings)
        finally:
            connection.close()

    def _claims(self, issuer="urn:local", **changes):
        return claims(issuer, jti=f"{self._name}-{self._number}", **self._cnf, **changes)

    def _good(self):
        return self._kept.request(PATH, mint(self._local, self._claims()))

    def _stolen(self):
        return self._fresh("thief", PATH, mint(self._local, self._claims()))

    def _expired(self):
        now = int(time.time())
        return self._kept.request(PATH, mint(self._local, self._claims(iat=now - 900, exp=now - 300)))

    def _unknown(self):
        return self._kept.request(PATH, mint(Key("ES256", kid=f"unknown-{self._number}", private=self._stranger.private), self._claims("urn:rotating")))

    def _bad(self):
        return self._kept.request(PATH, mint(Key("ES256", kid=self._local.kid, private=self._stranger.private), self._claims()))

    def _rotating(self):
        return self._fresh("owner", PATH, mint(self._rotation.signing, self._claims("urn:rotating")))

    def _withdrawn(self):
        key = self._rotation.withdrawn
        return key and self._kept.request(PATH, mint(key, self._claims("urn:rotating")))

    def _good_opaque(self):
        name = self._opaque.good(f"{self._name}-{self._number - self._number % 50}", self._cnf)
        return self._kept.request(PATH, name)

    def _inactive(self):
        return self._kept.request(PATH, f"inactive-{self._number}")

    def _post(self, label):
        return self._fresh(label, "/token/secret.txt", method="POST", headers=(("Content-Type", FORM_TYPE),), body=form("dn", x=self._number))

    def _client(self):
        return self._post("reports")

    def _wrong_client(self):
        return self._post("mask")

    def _http2(self):
        try:
            return self._streams()
        except StreamRefused:
            self._outcomes.add(f"{self._name}: good, HTTP/2", "sent again", ("sent again",))
            return self._streams()

    def _streams(self):
        connection, bodies = Http2Connection(self._server.port, "localhost", self._contexts["HTTP/2"]), set()
        try:
            for _ in range(3):
                if not connection.going:
                    bodies.add(connection.request(PATH, mint(self._local, self._claims())))
        finally:
            connection.close()
        return 200 if bodies == {b"the secret\n"} else 500


class Together:
    """Runs all of these until told to stop."""

    def __init__(self, runs, seconds=20):
        self._stop = threading.Event()
        self.broken = []
        self._threads = [threading.Thread(target=self._run, args=(one, seconds), daemon=True) for one in runs]

    def _run(self, one, seconds):
        try:
            one.run(self._stop, seconds)
        except Exception as fault:  # noqa: BLE001  a part that ends early is a fault of the whole
            self.broken.append(f"{type(one).__name__}: {fault!r}")

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        for one in self._threads:
            one.join(90)
            if one.is_alive():
                self.broken.append("a part of the traffic hangs")
