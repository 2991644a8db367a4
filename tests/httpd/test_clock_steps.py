"""A clock that is set by an hour, forth or back, with the times of the defaults: what is renewed stays renewed, what ends ends. And
the year 2038."""

import tempfile
import time
from pathlib import Path

import pytest

from support.blocks import location
from support.client import Connection, tls_context
from support.clock import ClockedHttpd
from support.expect import admitted, refused
from support.fake_issuer import FakeIssuer, key_set
from support.introspection import ENDPOINT, SECRET, Known, asking
from support.introspection import ISS as ASKED
from support.key_life import STEADY, Asker, eventually, outgoing, over, publishing, remote
from support.keys import Key
from support.pki import Pki
from support.server import Host
from support.tokens import bound_to, claims, mint
from test_denylist import soon_refused, write

ISS = "https://clock.example.test"
PATH = "/jwks"
HOUR = 3600
STEPS = pytest.mark.parametrize("step", [-HOUR, HOUR], ids=["back", "forth"])
END_OF_32_BITS = 2 ** 31


@pytest.fixture
def fake(pki, key):
    yield from publishing(pki, key, PATH)


@pytest.fixture
def start(work, pki, fake):
    """Starts a server of two children with a clock of its own and refresh times of an hour; all end with the test."""
    started = []

    def run(*lines, ahead=0, of=pki, issuer=fake):
        home = Path(tempfile.mkdtemp(dir=work))
        home.chmod(0o755)
        text = STEADY + outgoing(of, home / "state") + remote(ISS, f'MTLSOAuthJWKSURI "{issuer.url}{PATH}"') + "".join(lines)
        started.append(ClockedHttpd(home, of, text, [Host(location("/api"))], ahead=ahead).start())
        return started[-1], Asker(started[-1], of)
    yield run
    for server in started:
        server.stop()


def token(key, ahead=0, **changes):
    """A token of that time."""
    now = int(time.time()) + ahead
    return mint(key, claims(ISS, iat=now, exp=now + 600, **changes))


def both(asker, check, make):
    """Of both children, soon: eight answers in a row."""
    def several():
        for number in range(8):
            check(asker.fresh(make(str(number))))
    eventually(several)


@STEPS
def test_keys_that_change_afterwards(start, fake, key, step):
    """A new key is found by every process, and one that was taken away is gone, however the clock was set."""
    server, asker = start()
    both(asker, admitted, lambda jti: token(key, jti=jti))
    server.set_clock(step)
    both(asker, admitted, lambda jti: token(key, step, jti=jti))
    over()
    successor = Key("ES256", kid="next")
    fake.answer(PATH, key_set(successor.jwk()))
    both(asker, admitted, lambda jti: token(successor, step, jti=jti))
    both(asker, lambda answer: refused(answer, "key_unknown"), lambda jti: token(key, step, jti=jti))
    before = fake.count(PATH)
    time.sleep(2.2)
    assert fake.count(PATH) - before <= 3, "one fetch a cooldown"


@STEPS
def test_files_that_change_afterwards(start, key, work, step):
    """A deny list is read again within seconds."""
    denied = work / f"clock{step}.list"
    write(denied, "# nobody\n")
    server, asker = start(f'MTLSOAuthDenyFile "{denied}"\n')
    both(asker, admitted, lambda jti: token(key, jti=jti))
    server.set_clock(step)
    time.sleep(1.2)
    write(denied, "sub:alice\n")
    soon_refused(asker.fresh, token(key, step))


@STEPS
def test_answers_of_introspection(start, pki, jwks, work, step):
    """What an issuer said of a token is not believed for longer, and what it said no to no more often asked."""
    issuer = FakeIssuer()
    known, secret = Known(issuer), work / "clock.secret"
    secret.write_text(SECRET)
    server, asker = start(asking(issuer, jwks, secret, cache="2s"), f"MTLSOAuthOpaqueTokenIssuer {ASKED}\n")
    name = known.add("token", iat=int(time.time()) - 2 * HOUR, exp=int(time.time()) + 10 * HOUR)
    both(asker, admitted, lambda _: name)
    server.set_clock(step)
    known.revoke(name)
    eventually(lambda: refused(asker.fresh(name), "token_inactive"))
    both(asker, lambda answer: refused(answer, "token_inactive"), lambda _: name)
    known.add("token", iat=int(time.time()) - 2 * HOUR, exp=int(time.time()) + 10 * HOUR)
    both(asker, admitted, lambda _: name)
    issuer.close()


@pytest.fixture(scope="module")
def long_lived(work):
    """Certificates that are still valid after the seconds since 1970 have outgrown 31 bits."""
    directory = work / "long-lived"
    directory.mkdir()
    return Pki(directory, days=16 * 366)


@pytest.mark.parametrize("years", [0, 2], ids=["in that second", "years later"])
def test_after_2038(start, work, key, jwks, long_lived, years):
    """Tokens, keys, answers and files end and begin as ever when the seconds since 1970 have 32 bits."""
    issuer = FakeIssuer(long_lived.server)
    issuer.answer(PATH, key_set(key.jwk()))
    known, secret, denied = Known(issuer), work / "2038.secret", work / f"2038-{years}.list"
    secret.write_text(SECRET)
    write(denied, "# nobody\n")
    ahead = END_OF_32_BITS - int(time.time()) - 6 + years * 365 * 24 * HOUR
    server, asker = start(asking(issuer, jwks, secret, cache="2s"), f"MTLSOAuthOpaqueTokenIssuer {ASKED}\n",
                          f'MTLSOAuthDenyFile "{denied}"\n', ahead=ahead, of=long_lived, issuer=issuer)
    opaque = known.add("opaque", iat=int(time.time()) + ahead, exp=int(time.time()) + ahead + 60)

    def everything():
        context = tls_context(long_lived.authority.path, long_lived.owner)
        for whose, checked in (("owner", lambda one: admitted(one, binding="bound")), ("thief", lambda one: refused(one, "certificate_mismatch"))):
            connection = Connection(server.port, "localhost", context)
            checked(connection.request("/api/secret.txt", token(key, ahead, cnf=bound_to(getattr(long_lived, whose)))))
            connection.close()
        both(asker, admitted, lambda jti: token(key, ahead, jti=jti))
        both(asker, admitted, lambda _: opaque)
        both(asker, lambda one: refused(one, "token_expired"), lambda jti: token(key, ahead - 2 * HOUR, jti=jti))
        refused(asker.fresh(token(key, ahead, nbf=int(time.time()) + ahead + 90)), "token_not_yet_valid")
    everything()
    time.sleep(max(0.0, END_OF_32_BITS + 1 - (time.time() + ahead)))
    everything()
    over()
    successor = Key("ES256", kid="next")
    issuer.answer(PATH, key_set(successor.jwk()))
    both(asker, admitted, lambda jti: token(successor, ahead, jti=jti))
    known.revoke(opaque)
    eventually(lambda: refused(asker.fresh(opaque), "token_inactive"))
    write(denied, "sub:alice\n")
    soon_refused(asker.fresh, token(successor, ahead))
    issuer.close()
