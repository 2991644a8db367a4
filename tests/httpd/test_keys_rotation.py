"""Keys that come and go, unknown keys, an issuer that hangs or is down: what a request sees and what the issuer is asked."""

import random
import threading
import time

import pytest

from support.blocks import location
from support.expect import admitted, refused
from support.fake_issuer import FakeIssuer, NOT_FOUND, key_set
from support.key_life import Asker, eventually, outgoing, over, remote, unavailable
from support.keys import Key
from support.server import Host
from support.tokens import claims, mint

NAMES = ["crowded", "beside a crowd", "new", "removed", "kept", "hanging", "flooded", "flooded hanging", "young", "down", "signatures", "without kid", "quiet"]


class Issuer:
    """A block of the server and where its keys are."""

    def __init__(self, fake, name):
        self.fake = fake
        self.iss = f"https://{name.replace(' ', '-')}.example.test"
        self.path = f"/{name.replace(' ', '-')}"

    def publish(self, *keys):
        self.fake.answer(self.path, key_set(*(key.jwk() for key in keys)))

    @property
    def count(self):
        return self.fake.count(self.path)

    def block(self):
        return remote(self.iss, f'MTLSOAuthJWKSURI "{self.fake.url}{self.path}"')

    def token(self, key, **changes):
        return mint(key, claims(self.iss, **changes))


@pytest.fixture(scope="module")
def rotating():
    """Keys by number, each with a kid of its own."""
    return [Key("ES256", kid=f"key-{number}") for number in range(4)]


@pytest.fixture(scope="module")
def fakes(pki):
    """One issuer host for each name, since some of them hang."""
    made = {name: FakeIssuer(pki.server) for name in NAMES}
    yield made
    for one in made.values():
        one.close()


@pytest.fixture(scope="module")
def issuers(fakes, rotating):
    made = {name: Issuer(fakes[name], name) for name in NAMES}
    for one in made.values():
        one.publish(*rotating[:2])
    return made


@pytest.fixture(scope="module")
def server(launch, work, pki, issuers):
    return launch(outgoing(pki, work / "rotation-state", timeout="3s") + "".join(one.block() for one in issuers.values()),
                  [Host(location("/api"))])


@pytest.fixture(scope="module")
def asker(server, pki):
    return Asker(server, pki)


@pytest.fixture
def issuer_of(asker, issuers, rotating):
    """An issuer whose first keys are in force in every process, a cooldown ago."""
    def settle(name):
        one = issuers[name]
        for key in rotating[:2]:
            for _ in range(6):
                eventually(lambda key=key: admitted(asker.fresh(one.token(key))))
        time.sleep(max(0, one.fake.asked(one.path)[-1].time + 1.2 - time.monotonic()))
        return one
    return settle


def in_every_process(check, times=12):
    """On connections enough that each process has some of them."""
    for _ in range(times):
        check()


def test_first_keys_are_fetched_once(asker, issuers, rotating):
    """The prefetch at the start is one fetch over all processes, without a request."""
    one = issuers["quiet"]
    one.fake.wait_for(one.path)
    time.sleep(1.5)
    assert one.count == 1
    in_every_process(lambda: admitted(asker.fresh(one.token(rotating[0]))))
    assert one.count == 1


def test_new_key(asker, issuer_of, rotating):
    """The first tokens of a new key wait for one refresh and are admitted; then the key is known everywhere."""
    one = issuer_of("new")
    before = one.count
    one.publish(*rotating[:3])
    for answer in asker.at_once([one.token(rotating[2], jti=str(number)) for number in range(3)]):
        admitted(answer)
    assert one.count == before + 1
    in_every_process(lambda: admitted(eventually(lambda: _ok(asker.fresh(one.token(rotating[2]))), 2)))
    in_every_process(lambda: admitted(asker.fresh(one.token(rotating[0]))))
    assert one.count == before + 1


def _ok(answer):
    assert answer.status == 200, answer
    return answer


def test_removed_key(asker, issuer_of, rotating):
    """A key that the issuer took away ends at the next refresh, for tokens seen before too, in every process."""
    one = issuer_of("removed")
    seen = one.token(rotating[1])
    in_every_process(lambda: admitted(asker.fresh(seen)))
    one.publish(rotating[0], rotating[2])
    admitted(asker.fresh(one.token(rotating[2])))
    time.sleep(1)
    in_every_process(lambda: refused(asker.fresh(seen), "key_unknown"))
    refused(asker.fresh(one.token(rotating[1])), "key_unknown")
    in_every_process(lambda: admitted(asker.fresh(one.token(rotating[0]))))
    over()
    before = one.count
    in_every_process(lambda: refused(asker.fresh(seen), "key_unknown"), 4)
    assert one.count <= before + 1


def test_replaced_key_of_the_same_kid(asker, issuer_of, rotating):
    """Another key under a known kid: the old one is gone as soon as anything brings the new set."""
    one = issuer_of("kept")
    successor = Key("ES256", kid=rotating[1].kid)
    seen = one.token(rotating[1])
    admitted(asker.fresh(seen))
    kept = one.token(rotating[0])
    admitted(asker.fresh(kept))
    one.publish(rotating[0], successor, rotating[3])
    admitted(asker.fresh(one.token(rotating[3])))
    time.sleep(1)
    in_every_process(lambda: refused(asker.fresh(seen), "signature_invalid"))
    in_every_process(lambda: admitted(asker.fresh(one.token(successor))))
    in_every_process(lambda: admitted(asker.fresh(kept)))


def test_known_keys_do_not_wait(asker, issuer_of, rotating):
    """While a fetch hangs, tokens of known keys are answered as ever, seen before or not."""
    one = issuer_of("hanging")
    before = one.count
    one.fake.hang()
    answers = []
    stranger = threading.Thread(target=lambda: answers.append(asker.timed(one.token(Key("ES256", kid="unheard-of")))))
    stranger.start()
    one.fake.wait_for(one.path, before + 1)
    for number in range(40):
        answer, took = asker.timed(one.token(rotating[number % 2], jti=str(number // 4)))
        admitted(answer)
        assert took < 0.5, took
    stranger.join()
    answer, took = answers[0]
    unavailable(answer)
    assert 1 < took < 3.5, took
    one.publish(*rotating[:3])
    one.fake.go_on()
    eventually(lambda: admitted(asker.fresh(one.token(rotating[2]))))


def flood(asker, one, seconds, threads=6):
    """Tokens of random kids, as many as there is time for, while one client uses a good key: (refusals, slowest good)."""
    end = time.monotonic() + seconds
    attacker = Key("ES256")
    refusals, slowest, faults = {}, [0.0], []
    lock = threading.Lock()

    def attack():
        connection = asker.kept()
        while time.monotonic() < end:
            answer = connection.request("/api/secret.txt", one.token(attacker.using("ES256", kid=f"{random.getrandbits(64):x}")))
            with lock:
                refusals[answer.refusal] = refusals.get(answer.refusal, 0) + 1
        connection.close()

    def use(good):
        connection = asker.kept()
        while time.monotonic() < end:
            begin = time.monotonic()
            answer = connection.request("/api/secret.txt", one.token(good))
            slowest[0] = max(slowest[0], time.monotonic() - begin)
            if answer.status != 200:
                faults.append(answer)
            time.sleep(0.01)
        connection.close()

    running = [threading.Thread(target=attack) for _ in range(threads)] + [threading.Thread(target=use, args=(one.good,))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not faults, faults[:3]
    return refusals, slowest[0]


def test_flood(asker, issuer_of, rotating):
    """Random kids cost one fetch a cooldown over all processes, whatever their number, and no good token anything."""
    one = issuer_of("flooded")
    one.good = rotating[0]
    before = one.count
    refusals, slowest = flood(asker, one, 3.5)
    fetches = one.count - before
    assert 3 <= fetches <= 4, fetches
    assert set(refusals) <= {"key_unknown", "keys_unavailable"}, refusals
    assert sum(refusals.values()) > 100 and refusals["key_unknown"] > 0, refusals
    assert slowest < 1, slowest
    times = [request.time for request in one.fake.asked(one.path)]
    assert all(later - earlier > 0.9 for earlier, later in zip(times[1:], times[2:])), times


def test_flood_while_the_issuer_hangs(asker, issuer_of, rotating):
    """The same when every fetch hangs: unknown keys are 503, good tokens are not delayed."""
    one = issuer_of("flooded hanging")
    one.good = rotating[0]
    before = one.count
    one.fake.hang()
    refusals, slowest = flood(asker, one, 5)
    one.fake.go_on()
    assert set(refusals) <= {"key_unknown", "keys_unavailable"}, refusals
    assert refusals.get("keys_unavailable", 0) > 0, refusals
    assert slowest < 1, slowest
    # an attempt takes three seconds to time out
    assert one.count - before <= 3, one.count - before


def test_no_place_to_wait(asker, issuer_of, rotating):
    """While every place to wait is taken by tokens of an issuer that hangs, a new key of another issuer still makes it be asked."""
    crowded, beside = issuer_of("crowded"), issuer_of("beside a crowd")
    before = crowded.count
    crowded.fake.hang()
    crowd = [threading.Thread(target=asker.fresh, args=(crowded.token(Key("ES256", kid=f"unheard-of-{number}")),)) for number in range(30)]
    for one in crowd:
        one.start()
    crowded.fake.wait_for(crowded.path, before + 1)
    time.sleep(0.2)
    before = beside.count
    beside.publish(*rotating[:3])
    answer = asker.fresh(beside.token(rotating[2]))
    assert answer.status in (200, 503), answer
    beside.fake.wait_for(beside.path, before + 1, 1)
    eventually(lambda: admitted(asker.fresh(beside.token(rotating[2]))), 1)
    for one in crowd:
        one.join()
    crowded.fake.go_on()


def test_unknown_key_of_a_young_set(asker, issuer_of, rotating):
    """Within a cooldown of the last fetch the issuer has spoken: key_unknown at once, and nobody is asked."""
    one = issuer_of("young")
    one.publish(*rotating[:3])
    admitted(asker.fresh(one.token(rotating[2])))
    before = one.count
    answer, took = asker.timed(one.token(rotating[3]))
    refused(answer, "key_unknown")
    assert took < 0.5 and one.count == before
    over()
    answer = asker.fresh(one.token(rotating[3]))
    refused(answer, "key_unknown")
    assert one.count == before + 1


def test_unknown_key_while_the_issuer_is_down(asker, issuer_of, rotating):
    """No fresh set could be had: keys_unavailable; what is known keeps working; when the issuer is back, so is the new key."""
    one = issuer_of("down")
    one.fake.stop()
    unavailable(asker.fresh(one.token(rotating[2])))
    in_every_process(lambda: admitted(asker.fresh(one.token(rotating[0]))))
    unavailable(asker.fresh(one.token(rotating[2])))
    one.publish(*rotating[:3])
    one.fake.start()
    eventually(lambda: admitted(asker.fresh(one.token(rotating[2]))))
    one.fake.answer(one.path, NOT_FOUND)
    over()
    unavailable(asker.fresh(one.token(rotating[3])))
    in_every_process(lambda: admitted(asker.fresh(one.token(rotating[0]))))


def test_bad_signatures_ask_nobody(asker, issuer_of, rotating):
    """A signature that does not fit a known key is the client's fault; so is a foreign issuer."""
    one = issuer_of("signatures")
    before = one.count
    forged = Key("ES256", kid=rotating[0].kid)
    for number in range(20):
        refused(asker.fresh(one.token(forged, jti=str(number))), "signature_invalid")
    refused(asker.fresh(mint(forged, claims("https://nobody.example.test"))), "issuer_unknown")
    time.sleep(0.5)
    assert one.count == before
    admitted(asker.fresh(one.token(rotating[0])))


def test_tokens_without_kid(asker, issuer_of, rotating):
    """A token that names no key is tried with the keys that fit; a flood of them costs no more than one of random kids."""
    one = issuer_of("without kid")
    admitted(asker.fresh(one.token(rotating[0].using("ES256", kid=None))))
    before, begin = one.count, time.monotonic()
    for number in range(60):
        answer = asker.fresh(one.token(Key("ES256", kid=None), jti=str(number)))
        assert answer.refusal in ("signature_invalid", "key_unknown", "keys_unavailable"), answer
    assert one.count - before <= time.monotonic() - begin + 1


class TestFirstKeys:
    """Requests that come before the first keys."""

    @pytest.fixture
    def started(self, make_httpd, pki, work):
        """Starts a server whose only issuer is this one; it ends with the test."""
        servers = []

        def start(one, timeout="10s", **settings):
            servers.append(make_httpd(outgoing(pki, work / f"first-state-{len(servers)}-{random.getrandbits(32):x}", timeout=timeout)
                                      + one.block(), [Host(location("/api"))], **settings).start())
            return Asker(servers[-1], pki)
        yield start
        for server in servers:
            server.stop()

    @pytest.fixture
    def one(self, pki, rotating):
        fake = FakeIssuer(pki.server)
        made = Issuer(fake, "first")
        made.publish(rotating[0])
        yield made
        fake.close()

    def test_bounded_wait(self, started, one, rotating):
        """A request waits two seconds for keys that do not come, then gets 503 with Retry-After; not so one with a foreign issuer."""
        one.fake.hang()
        asker = started(one)
        answer, took = asker.timed(one.token(rotating[0]))
        unavailable(answer)
        assert 1.5 < took < 3.5, took
        answer, took = asker.timed(mint(rotating[0], claims("https://nobody.example.test")))
        refused(answer, "issuer_unknown")
        assert took < 0.5
        begin = time.monotonic()
        for answer in asker.at_once([one.token(rotating[0], jti=str(number)) for number in range(24)], 24):
            unavailable(answer)
        assert time.monotonic() - begin < 5
        assert one.count == 1

    def test_waiters_are_served(self, started, one, rotating):
        """Keys that come while a request waits admit it."""
        one.fake.hang()
        asker = started(one)
        one.fake.wait_for(one.path)
        threading.Timer(0.7, one.fake.go_on).start()
        begin = time.monotonic()
        for answer in asker.at_once([one.token(rotating[0], jti=str(number)) for number in range(3)]):
            admitted(answer)
        assert 0.3 < time.monotonic() - begin < 2.5
        assert one.count == 1

    def test_issuer_appears_later(self, started, one, rotating):
        """Down at the start: refused without delay to the start, retried on its own, admitted within seconds of its coming."""
        one.fake.stop()
        asker = started(one)
        unavailable(asker.fresh(one.token(rotating[0])))
        time.sleep(2)
        one.fake.start()
        one.fake.wait_for(one.path, 1, 4)
        eventually(lambda: admitted(asker.fresh(one.token(rotating[0]))), 2)

    def test_retries_slow_down(self, started, one, rotating):
        """An issuer that answers with an error is asked again within a second, then at most once a cooldown."""
        one.fake.answer(one.path, NOT_FOUND)
        asker = started(one)
        one.fake.wait_for(one.path, 2, 3)
        times = [request.time for request in one.fake.asked(one.path)]
        assert times[1] - times[0] < 2, times
        before, begin = one.count, time.monotonic()
        for number in range(3):
            unavailable(asker.fresh(one.token(rotating[0], jti=str(number))))
        time.sleep(2)
        assert one.count - before <= (time.monotonic() - begin) / 0.9 + 2
        one.publish(rotating[0])
        eventually(lambda: admitted(asker.fresh(one.token(rotating[0]))))
