"""Processes that come, go and die: keys stay fresh, nothing is left behind. Event, worker and prefork."""

import http.client
import os
import signal
import threading
import time

import pytest

from support import environment, key_life
from support.blocks import location
from support.expect import admitted, refused
from support.fake_issuer import key_set
from support.key_life import (Asker, children, descriptors, eventually, outgoing, over, owner_of_port, parent_process, publishing, remote,
                              shared_mappings, threads)
from support.keys import Key
from support.server import Host
from support.tokens import claims, mint

ISS = "https://processes.example.test"
PATH = "/jwks"
MPMS = [mpm for mpm in ("event", "worker", "prefork") if (environment.MODULES_DIR / f"mod_mpm_{mpm}.so").exists()]
# as many children from the start to the end as told, so that they can be counted
STEADY = {"event": key_life.STEADY, "worker": key_life.STEADY,
          "prefork": "StartServers 6\nMinSpareServers 6\nMaxSpareServers 8\nMaxRequestWorkers 8\n"}


@pytest.fixture
def fake(pki, key):
    yield from publishing(pki, key, PATH)


@pytest.fixture
def start(make_httpd, pki, fake, work, request):
    """Starts a server; it ends with the test, and a child that was killed on purpose is no crash."""
    started = []

    def run(mpm="event", more="", state=None, timeout="2s", blocks=""):
        where = state or work / f"processes-{abs(hash(request.node.name))}-{len(started)}"
        text = STEADY[mpm] + more + outgoing(pki, where, timeout=timeout) + remote(ISS, f'MTLSOAuthJWKSURI "{fake.url}{PATH}"') + blocks
        started.append(make_httpd(text, [Host(location("/api"))], mpm=mpm).start())
        return started[-1], Asker(started[-1], pki)
    yield run
    for server in started:
        killed = getattr(server, "killed", 0)
        # a child that is told to end within milliseconds of a graceful restart may crash in httpd's own event MPM
        time.sleep(0.5)
        try:
            server.stop()
        except AssertionError:
            crashes = [line for line in server.lines() if "exit signal" in line]
            if not killed or len(crashes) != killed or not all("Killed (9)" in line for line in crashes):
                raise


def token(key, **changes):
    return mint(key, claims(ISS, **changes))


@pytest.mark.parametrize("mpm", MPMS)
def test_mpm(start, fake, key, mpm):
    """The life of keys is the same under every MPM: one fetch for all processes, a new key at once, a removed one gone, floods bounded."""
    server, asker = start(mpm)
    for number in range(16):
        eventually(lambda number=number: admitted(asker.fresh(token(key, jti=str(number)))))
    assert fake.count(PATH) == 1
    over()
    successor, begin = Key("ES256", kid="next"), time.monotonic()
    fake.answer(PATH, key_set(successor.jwk()))
    admitted(asker.fresh(token(successor)))
    time.sleep(1.2)
    for number in range(16):
        admitted(asker.fresh(token(successor, jti=str(number))))
        refused(asker.fresh(token(key)), "key_unknown")
    # the removed key is asked for once a cooldown, which is a second
    assert fake.count(PATH) - 1 <= time.monotonic() - begin + 1
    before, begin = fake.count(PATH), time.monotonic()
    answers = asker.at_once([token(Key("ES256", kid=f"random-{number}")) for number in range(120)], 8)
    assert {answer.refusal for answer in answers} <= {"key_unknown", "keys_unavailable"}
    assert fake.count(PATH) - before <= time.monotonic() - begin + 2
    assert children(server)


@pytest.mark.parametrize("mpm", MPMS)
def test_one_process_fetches(start, fake, key, mpm):
    """Children that start at the same moment: each of forty sources is fetched by one of them, and taken over by the others."""
    names = [f"/source-{number}" for number in range(40)]
    for name in names:
        fake.answer(name, key_set(key.jwk()))
    start(mpm, blocks="".join(remote(f"https://{name[1:]}.example.test", f'MTLSOAuthJWKSURI "{fake.url}{name}"') for name in names))
    for name in names:
        fake.wait_for(name)
    time.sleep(0.5)
    assert {name: fake.count(name) for name in names if fake.count(name) != 1} == {}


@pytest.mark.parametrize("mpm", MPMS)
def test_no_thread_or_descriptor_for_a_fetch(start, fake, key, mpm):
    """Each child has one thread for its keys, however many sources it has; fetches leave no descriptors."""
    many = "".join(remote(f"https://more-{number}.example.test", f'MTLSOAuthJWKSURI "{fake.url}/more-{number}"') for number in range(12))
    for number in range(12):
        fake.answer(f"/more-{number}", key_set(key.jwk()))
    server, asker = start(mpm)
    several, other = start(mpm, blocks=many)
    for number in range(12):
        eventually(lambda number=number: admitted(other.fresh(mint(key, claims(f"https://more-{number}.example.test")))))
    eventually(lambda: admitted(asker.fresh(token(key))))
    time.sleep(1)
    one, more = (max(threads(pid) for pid in children(each)) for each in (server, several))
    assert one == more
    before = {pid: descriptors(pid) for pid in children(server)}
    for number in range(2):
        over()
        asker.fresh(token(Key("ES256", kid=f"unheard-of-{number}")))
    for pid in children(server) & set(before):
        assert descriptors(pid) <= before[pid] + 4, (before[pid], descriptors(pid))


def _counts(server):
    """What must not grow, once both children are there: (processes, most threads of one, descriptors of the parent, its shared mappings)."""
    parent = parent_process(server)
    eventually(lambda: _alive(server, None))
    time.sleep(0.5)
    return len(children(server)), max(threads(pid) for pid in children(server)), descriptors(parent), shared_mappings(parent)


def _segments():
    """System V segments and semaphores, and POSIX shared memory, of this machine."""
    def lines(name):
        with open(f"/proc/sysvipc/{name}", encoding="ascii") as file:
            return len(file.readlines())
    return lines("shm"), lines("sem"), len(os.listdir("/dev/shm"))


def test_graceful_restarts(start, fake, key, work):
    """Twenty graceful restarts: no process, thread, descriptor or shared memory more, keys at hand all the time, no storm of fetches."""
    state = work / "graceful-state"
    server, asker = start(state=state)
    eventually(lambda: admitted(asker.fresh(token(key))))
    for _ in range(3):
        server.reload()
    before, segments = _counts(server), _segments()
    for number in range(17):
        server.reload()
        admitted(asker.fresh(token(key, jti=str(number))))
    assert _counts(server) == before
    assert _segments() == segments
    # the shared record of the source outlives a restart: nobody need ask again
    assert fake.count(PATH) <= 5, fake.count(PATH)
    over()
    successor = Key("ES256", kid="next")
    fake.answer(PATH, key_set(key.jwk(), successor.jwk()))
    admitted(asker.fresh(token(successor)))
    left = [path.name for path in state.iterdir()]
    assert len(left) <= 2, left


def test_graceful_restart_while_the_issuer_is_down(start, fake, key):
    server, asker = start()
    eventually(lambda: admitted(asker.fresh(token(key))))
    fake.stop()
    for number in range(3):
        server.reload()
        answer, took = asker.timed(token(key, jti=str(number)))
        admitted(answer)
        assert took < 1
    fake.start()


def test_graceful_restart_without_state(start, fake, key):
    """Without a state directory a restart fetches anew and requests wait for that, but are not refused."""
    server, asker = start(state="off")
    eventually(lambda: admitted(asker.fresh(token(key))))
    for number in range(3):
        server.reload()
        admitted(asker.fresh(token(key, jti=str(number))))


def test_changed_configuration(start, fake, key, pki):
    """Issuers come and go with reloads; each has its own keys."""
    server, asker = start()
    eventually(lambda: admitted(asker.fresh(token(key))))
    other = Key("ES256", kid="other")
    fake.answer("/other", key_set(other.jwk()))
    iss = "https://other-processes.example.test"
    common = STEADY["event"] + outgoing(pki, "off")
    for _ in range(3):
        server.configure(common + remote(iss, f'MTLSOAuthJWKSURI "{fake.url}/other"'), [Host(location("/api"))])
        server.reload()
        eventually(lambda: admitted(asker.fresh(mint(other, claims(iss)))))
        refused(asker.fresh(token(key)), "issuer_unknown")
        server.configure(common + remote(ISS, f'MTLSOAuthJWKSURI "{fake.url}{PATH}"'), [Host(location("/api"))])
        server.reload()
        eventually(lambda: admitted(asker.fresh(token(key))))
        refused(asker.fresh(mint(other, claims(iss))), "issuer_unknown")


@pytest.mark.parametrize("mpm", MPMS)
def test_children_that_end_early(start, fake, key, mpm):
    """MaxConnectionsPerChild: new children have the keys at once, old ones leave nothing."""
    server, asker = start(mpm, "MaxConnectionsPerChild 4\n")
    eventually(lambda: admitted(asker.fresh(token(key))))
    first = children(server)
    for number in range(28):
        admitted(asker.fresh(token(key, jti=str(number))))
    assert not first & children(server), "children did not change"
    assert fake.count(PATH) <= 3, fake.count(PATH)
    eventually(lambda: _few(server, mpm), 8)


def _few(server, mpm):
    assert len(children(server)) <= {"prefork": 8}.get(mpm, 3), children(server)


@pytest.mark.parametrize("mpm", MPMS)
def test_child_killed_in_mid_fetch(start, fake, key, mpm):
    """The lease of a dead process expires and another one fetches; nobody is locked out, and known keys never wait."""
    server, asker = start(mpm, timeout="1s")
    eventually(lambda: admitted(asker.fresh(token(key))))
    over()
    before = fake.count(PATH)
    fake.hang()
    asking = _Asking(asker, token(Key("ES256", kid="unheard-of")))
    fake.wait_for(PATH, before + 1)

    def fetching():
        # an attempt lasts a second, and the next one comes within another
        pid = owner_of_port(fake.asked(PATH)[-1].port, children(server))
        assert pid, "no child has that connection"
        return pid
    killed = eventually(fetching)
    os.kill(killed, signal.SIGKILL)
    server.killed = 1
    fake.go_on()
    asking.join()
    successor = Key("ES256", kid="next")
    fake.answer(PATH, key_set(key.jwk(), successor.jwk()))
    for number in range(8):
        answer, took = asker.timed(token(key, jti=str(number)))
        admitted(answer)
        assert took < 1, took
    eventually(lambda: admitted(asker.fresh(token(successor))), 10)
    eventually(lambda: _alive(server, killed))


def _alive(server, killed):
    assert len(children(server)) >= 2 and killed not in children(server)


class _Asking:
    """One request on its own; how it ends does not matter, its child may die."""

    def __init__(self, asker, what):
        self._thread = threading.Thread(target=self._ask, args=(asker, what), daemon=True)
        self._thread.start()

    @staticmethod
    def _ask(asker, what):
        try:
            asker.fresh(what)
        except (OSError, http.client.HTTPException):
            pass

    def join(self):
        self._thread.join(10)


@pytest.mark.parametrize("mpm", MPMS)
def test_children_of_a_hanging_issuer(start, fake, key, mpm):
    """Waiting is bounded in number: while unknown keys wait, there are threads for everybody else."""
    server, asker = start(mpm, timeout="10s")
    eventually(lambda: admitted(asker.fresh(token(key))))
    over()
    fake.hang()
    waiting = [_Asking(asker, token(Key("ES256", kid=f"unheard-of-{number}"))) for number in range(4)]
    time.sleep(0.3)
    for number in range(20):
        answer, took = asker.timed(token(key, jti=str(number)))
        admitted(answer)
        assert took < 0.8, took
    for one in waiting:
        one.join()
    fake.go_on()
