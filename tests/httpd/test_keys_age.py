"""The age of a key set: the regular refresh, the end of a stale one, state from the future, and a clock that is set."""

import re
import tempfile
import time
from pathlib import Path

import pytest

from support.blocks import issuer, location
from support.clock import ClockedHttpd
from support.expect import admitted, refused
from support.fake_issuer import key_set
from support.key_life import Asker, eventually, outgoing, over, publishing, remote, unavailable
from support.keys import Key
from support.server import Host
from support.tokens import claims, mint

ISS = "https://aging.example.test"
PATH = "/jwks"
AGES = "MTLSOAuthJWKSRefresh 60s\nMTLSOAuthJWKSMaxStale 120s\n"


@pytest.fixture
def fake(pki, key):
    yield from publishing(pki, key, PATH)


@pytest.fixture
def start(work, pki, fake):
    """Starts a server with its clock set; all end with the test."""
    started = []

    def run(state="off", ahead=0):
        home = Path(tempfile.mkdtemp(dir=work))
        home.chmod(0o755)
        text = outgoing(pki, state) + AGES + remote(ISS, f'MTLSOAuthJWKSURI "{fake.url}{PATH}"')
        started.append(ClockedHttpd(home, pki, text, [Host(location("/api"))], ahead=ahead).start())
        return started[-1], Asker(started[-1], pki)
    yield run
    for server in started:
        server.stop()


@pytest.fixture
def state(work):
    home = Path(tempfile.mkdtemp(dir=work))
    home.chmod(0o755)
    return home / "state"


def token(key, ahead=0, **changes):
    """A token of that time."""
    now = int(time.time()) + ahead
    return mint(key, claims(ISS, iat=now, exp=now + 600, **changes))


def several(asker, checked, *arguments):
    for _ in range(3 if checked is unavailable else 8):
        checked(asker.fresh(*arguments))


def test_refresh(start, state, fake, key):
    """After MTLSOAuthJWKSRefresh, give or take a tenth, one process fetches again, without any request."""
    server, asker = start(state)
    eventually(lambda: admitted(asker.fresh(token(key))))
    assert fake.count(PATH) == 1
    server.set_clock(45)
    time.sleep(2.5)
    assert fake.count(PATH) == 1
    successor = Key("ES256", kid="next")
    fake.answer(PATH, key_set(successor.jwk()))
    server.set_clock(68)
    fake.wait_for(PATH, 2)
    time.sleep(2)
    assert fake.count(PATH) == 2
    several(asker, admitted, token(successor, 68))
    several(asker, lambda answer: refused(answer, "key_unknown"), token(key, 68))


def test_max_stale(start, state, fake, key):
    """A set that could not be renewed serves until MTLSOAuthJWKSMaxStale; then nothing is admitted, seen before or not."""
    server, asker = start(state)
    seen = token(key)
    eventually(lambda: admitted(asker.fresh(seen)))
    fake.stop()
    for ahead in (60, 112):
        server.set_clock(ahead)
        time.sleep(1.2)
        several(asker, admitted, seen)
        several(asker, admitted, token(key, ahead))
    server.set_clock(125)
    several(asker, unavailable, seen)
    unavailable(asker.fresh(token(key, 125)))
    fake.start()
    eventually(lambda: admitted(asker.fresh(seen)))
    several(asker, admitted, token(key, 125))


@pytest.mark.parametrize("ahead, wanted", [(0, admitted), (60, admitted), (110, admitted), (125, unavailable), (86400, unavailable)])
def test_restart_with_old_state(start, state, fake, key, ahead, wanted):
    """State counts from the time it was fetched at, not from the start."""
    server, asker = start(state)
    eventually(lambda: admitted(asker.fresh(token(key))))
    time.sleep(0.3)
    server.stop()
    fake.stop()
    _, asker = start(state, ahead)
    several(asker, wanted, token(key, ahead))


def test_state_from_the_future(start, state, fake, key):
    """A time in the future is foreign: ignored with one warning. At that time the same file serves."""
    server, asker = start(state, 40)
    eventually(lambda: admitted(asker.fresh(token(key))))
    time.sleep(0.3)
    server.stop()
    fake.stop()
    server, asker = start(state, -200)
    several(asker, unavailable, token(key, -200))
    warned = [line for line in server.lines() if ":warn]" in line and "refused " not in line and str(state) in line]
    processes = [re.search(r"\[pid (\d+)", line).group(1) for line in warned]
    assert processes and len(processes) == len(set(processes)), warned
    server.stop()
    _, asker = start(state, 45)
    several(asker, admitted, token(key))


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_clock_is_set(start, state, fake, key, ahead):
    """A clock that jumps by an hour: good tokens are admitted and new keys found as ever."""
    server, asker = start(state)
    eventually(lambda: admitted(asker.fresh(token(key))))
    server.set_clock(ahead)
    eventually(lambda: admitted(asker.fresh(token(key, ahead))))
    several(asker, lambda answer: admitted(eventually(lambda: _ok(asker.fresh(token(key, ahead))))), token(key, ahead))
    over()
    successor = Key("ES256", kid="next")
    fake.answer(PATH, key_set(key.jwk(), successor.jwk()))
    eventually(lambda: admitted(asker.fresh(token(successor, ahead))))
    several(asker, admitted, token(key, ahead))
    before = fake.count(PATH)
    time.sleep(2)
    assert fake.count(PATH) - before <= 2


def test_beyond_2038(work, pki, key, jwks):
    """A time that 32 bits do not hold: tokens of that time are good and others have ended or not begun, from a file's keys (certificates of the
    tests do not live that long)."""
    home = Path(tempfile.mkdtemp(dir=work))
    home.chmod(0o755)
    ahead = 2**31 + 86400 - int(time.time())
    server = ClockedHttpd(home, pki, "MTLSOAuthStateDir off\n" + issuer(ISS, jwks), [Host(location("/api"))], ahead=ahead).start()
    try:
        asker = Asker(server, pki)
        several(asker, admitted, token(key, ahead))
        for off, code in ((0, "token_expired"), (ahead - 1000, "token_expired"), (ahead + 100, "token_not_yet_valid"), (2 * ahead, "token_not_yet_valid")):
            several(asker, lambda answer, code=code: refused(answer, code), token(key, off))
    finally:
        server.stop()


def _ok(answer):
    assert answer.status == 200, answer
    return answer
