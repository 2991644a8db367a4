"""Answers that two httpds share through a real Redis and a real memcached: and whatever happens to the cache costs a question, never an admission."""

import base64
import concurrent.futures
import secrets
import time

import pytest

from support.blocks import location
from support.caches import CACHES
from support.expect import admitted, refused
from support.introspection import ENDPOINT, ISS, SECRET, asking, pauses, unavailable
from support.key_life import Asker, eventually
from support.server import Host
from support.tokens import AUDIENCE

MODULES = ("socache_redis", "socache_memcache", "socache_dbm")

ONE_CHILD = ("StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16\n"
             "MTLSOAuthTokenCache off\n")


def new_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture(scope="module")
def files(work):
    """The secret, and the key file of the caches."""
    written = {"secret": SECRET, "keys": new_key()}
    for name, text in written.items():
        path = work / f"shared-cache.{name}"
        path.write_text(text + "\n")
        path.chmod(0o644)
        written[name] = path
    return written


@pytest.fixture(scope="module", params=sorted(CACHES))
def kind(request):
    reason = CACHES[request.param].missing()
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def cache(kind, work, request):
    home = work / f"cache-{abs(hash(request.node.nodeid))}"
    home.mkdir()
    made = CACHES[kind](home).start()
    yield made
    made.stop()


@pytest.fixture
def start(make_httpd, pki, fake, jwks, files):
    """Starts an httpd that shares through this cache; it ends with the test."""
    started = []

    def begin(cache, keys=None, mode="60s", audience=AUDIENCE, cache_lines=None):
        lines = cache_lines or f'MTLSOAuthSharedCache {cache.directive}\nMTLSOAuthSharedCacheKeyFile "{keys or files["keys"]}"\n'
        main = (ONE_CHILD + lines + asking(fake, jwks, files["secret"], cache=mode, audience=audience)
                + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n")
        server = make_httpd(main, [Host(location("/api"))], more=MODULES)
        started.append(server.start())
        return Asker(server, pki), server
    yield begin
    for server in started:
        server.stop()


def kept(cache, count=1):
    """The keys in the cache, once there are that many."""
    def check():
        keys = cache.keys()
        assert len(keys) == count, keys
        return keys
    return eventually(check)


def asked_once(known, use, **changes):
    """A token that `use` was called with and the issuer asked about once. A request waits a tenth of a second for the cache,
    which a machine with much else to do may need: then once more with another token. What is a mistake fails with each."""
    def check():
        name = known.add(f"shared-token-{secrets.token_hex(8)}", **changes)
        use(name)
        assert known.count(name) == 1
        return name
    return eventually(check, 10)


def put(cache, asker, name):
    """The key under which an answer is kept that this httpd is told."""
    before = set(cache.keys())
    admitted(asker.fresh(name))

    def there():
        assert set(cache.keys()) - before
        return set(cache.keys()) - before
    key, = eventually(there, 1)
    return key


def test_shared(start, cache, known):
    """What one httpd was told the other knows; neither token nor claim can be read in the cache; a revocation is seen by both in time."""
    (one, _), (two, _) = start(cache, mode="3s"), start(cache, mode="3s")
    seen = {}

    def use(name):
        seen["begin"] = time.monotonic()
        seen["key"] = put(cache, one, name)
        seen["value"] = cache.get(seen["key"])
        for asker in (one, one, two, two, two):
            admitted(asker.fresh(name))
    name = asked_once(known, use, sub="alice", exp=...)
    begin, key, value = seen["begin"], seen["key"], seen["value"]
    for text in (b"shared", b"alice", b"active", name.encode()):
        assert text not in key and text not in value
    known.revoke(name)
    time.sleep(max(0, begin + 3.2 - time.monotonic()))
    for asker in (one, two):
        refused(asker.fresh(name), "token_inactive")


def test_not_kept(start, cache, known):
    """Answers that are not active, that have no time to live, and all in mode off or, without exp, in mode exp."""
    (one, _), (two, _), (three, _) = start(cache), start(cache, mode="off"), start(cache, mode="exp")
    refused(one.fresh("not-active"), "token_inactive")
    admitted(two.fresh(known.add("off")))
    admitted(three.fresh(known.add("no-exp", exp=...)))
    time.sleep(0.3)
    assert cache.keys() == []
    admitted(three.fresh(known.add("with-exp")))
    kept(cache)
    # whoever keeps nothing takes nothing either
    admitted(one.fresh("with-exp"))
    before = known.count("with-exp")
    admitted(two.fresh("with-exp"))
    assert known.count("with-exp") == before + 1


def test_killed(start, cache, known):
    """The cache is killed in mid-run, and comes back empty: questions, no refusals."""
    asker, _ = start(cache)
    admitted(asker.fresh(known.add("killed")))
    kept(cache)
    cache.stop()
    for number in range(12):
        answer, seconds = asker.timed(known.add(f"killed-{number}"))
        admitted(answer)
        assert seconds < 1.5, seconds
        refused(asker.fresh(f"unknown-{number}"), "token_inactive")
    cache.start()

    def shares_again():
        admitted(asker.fresh("killed"))
        assert cache.keys()
    eventually(shares_again, 40)


# a memcached that errs is left alone by httpd's provider itself, which then tells of nothing but values that are not there
@pytest.mark.parametrize("kind", ["redis"], indirect=True)
def test_locked(start, cache, known, fake):
    """The cache answers with errors, a put as a get: it is left alone after five gets, which is said, and then asked by one get each
    time that a pause twice as long is over. Every token is answered, and when it works it is used again."""
    cache.lock()
    (asker, server), begin, asked = start(cache), time.monotonic(), 0

    def left_alone():
        return pauses(server, "this process does without it for", begin)
    while not left_alone():
        assert asked < 20
        admitted(asker.fresh(known.add(f"locked-{asked}")))
        asked += 1
    assert asked >= 5, asked
    for number in range(8):
        admitted(asker.fresh(known.add(f"left-alone-{number}")))
    left = left_alone()
    assert sum("'retrieve' FAIL" in line for line in server.lines()) <= 4 + len(left)
    # a put behind the end of a pause finds nothing out, and does not stand in the way of the get that does
    before = fake.count(ENDPOINT)
    fake.hang()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(asker.fresh, known.add("put-late"))
        fake.wait_for(ENDPOINT, before + 1)
        time.sleep(left[-1] + 0.2)
        fake.go_on()
        admitted(waiting.result())
    cache.stop()
    cache.start()

    def shares_again():
        admitted(asker.fresh("locked-0"))
        before = known.count("locked-0")
        admitted(asker.fresh("locked-0"))
        assert known.count("locked-0") == before
    eventually(shares_again, 40)


def test_filled(start, cache, known):
    """There is no room: what does not fit is asked about again."""
    asker, _ = start(cache)
    cache.fill()
    for _ in range(3):
        admitted(asker.fresh(known.add("filled")))
    cache.make_room()

    def fits():
        admitted(asker.fresh("filled"))
        before = known.count("filled")
        admitted(asker.fresh("filled"))
        assert known.count("filled") == before
    eventually(fits, 40)


def test_slowed(start, cache, known):
    """The cache accepts and says nothing: a request loses a tenth of a second on it, now and then; nobody is refused, and the child ends in time."""
    asker, server = start(cache)
    admitted(asker.fresh(known.add("slow")))
    kept(cache)
    cache.hang()
    taken = []
    for number in range(20):
        answer, seconds = asker.timed(known.add(f"slow-{number}"))
        admitted(answer)
        taken.append(seconds)
    assert max(taken) < 1 and sum(taken) < 4, taken
    refused(asker.fresh("slow-unknown"), "token_inactive")
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 8


def test_poisoned(start, cache, known):
    """Changed bits, another token's value, a value of another key, one from before, rubbish: each costs a question and admits nobody."""
    (one, _), (two, _) = start(cache), start(cache)
    good, bad = known.add("good-token"), known.add("bad-token")
    admitted(one.fresh(good))
    key_of_good, = kept(cache)
    value_of_good = cache.get(key_of_good)
    admitted(one.fresh(bad))
    key_of_bad = next(key for key in kept(cache, 2) if key != key_of_good)
    value_of_bad = cache.get(key_of_bad)
    known.revoke(bad)

    def asks(value):
        cache.set(key_of_bad, value)
        before = known.count(bad)
        refused(two.fresh(bad), "token_inactive")
        assert known.count(bad) == before + 1
        time.sleep(0.02)
    # "not active" is remembered for ten seconds: a fresh process for each would take long, so the cache of refusals is led astray
    two, server = start(cache)
    asks(value_of_good)
    for value in (*(flipped(value_of_bad, bit) for bit in (0, 8, 100, 8 * 40, 8 * len(value_of_bad) - 1)), b"", b"x", value_of_bad[:-1],
                  value_of_bad + b"x", b"\x01" + b"\0" * 60, b"\x01" * 70000):
        server.reload()
        asks(value)
    # what is as it was sealed is what the cache is for: it holds until its end
    def holds():
        server.reload()
        cache.set(key_of_bad, value_of_bad)
        admitted(two.fresh(bad))
    eventually(holds)


def test_sealed_each_time_anew(start, cache, known):
    """CVE-2021-32791 of mod_auth_openidc, AES-GCM with one nonce for everything: here each value has its own, and nothing of two values is alike
    but the version in front."""
    asker, _ = start(cache)
    values = []
    for name in ("first", "second"):
        admitted(asker.fresh(known.add(name, sub="alice", jti="the same")))
        key = next(key for key in kept(cache, len(values) + 1) if cache.get(key) not in values)
        values.append(cache.get(key))
    # the same place again: the value is gone, the issuer is asked once more
    cache.set(key, b"x")
    admitted(asker.fresh("second"))
    eventually(lambda: _longer(cache.get(key)))
    values.append(cache.get(key))
    assert values[0][:1] == values[1][:1] == values[2][:1]
    nonces, tags = {value[1:13] for value in values}, {value[-16:] for value in values}
    assert len(nonces) == len(tags) == len(values) and bytes(12) not in nonces
    for one, two in ((0, 1), (0, 2), (1, 2)):
        alike = sum(a == b for a, b in zip(values[one][1:], values[two][1:]))
        assert alike < len(values[one]) / 8, (alike, values)


def _longer(value):
    assert value and len(value) > 60, value


def test_format_strings(start, cache, known):
    """CVE-2021-32785 of mod_auth_openidc, a key or value of Redis that is a format: what a token or an answer says is never one."""
    (one, _), (two, _) = start(cache), start(cache)

    def use(name):
        for asker in (one, two):
            admitted(asker.fresh(name), user="%s%n%1000000d%p%%")
            refused(asker.fresh("%s%n%1000000d"), "token_malformed")
    asked_once(known, use, sub="%s%n%1000000d%p%%", jti="%n%n%n%n")


def test_replayed(start, cache, known):
    """An old value put back after its end says nothing."""
    asker, _ = start(cache, mode="3s")
    name = known.add("replayed")
    admitted(asker.fresh(name))
    key, = kept(cache)
    value = cache.get(key)
    known.revoke(name)
    time.sleep(3.1)
    cache.set(key, value)
    refused(asker.fresh(name), "token_inactive")


def test_keys(start, cache, known, work):
    """Another key opens nothing; during a change the new one seals and both open."""
    paths = []
    old, new = new_key(), new_key()
    for number, text in enumerate((old, new, f"{new}\n{old}")):
        paths.append(work / f"rotation-{number}-{cache.port}.keys")
        paths[-1].write_text(text + "\n")
        paths[-1].chmod(0o644)
    (with_old, _), (with_new, _), (with_both, _) = (start(cache, keys=path) for path in paths)

    def from_to(one, other):
        def use(name):
            put(cache, one, name)
            admitted(other.fresh(name))
        return use

    def opens_nothing():
        name = asked_once(known, from_to(with_old, with_both))
        put(cache, with_new, name)
        assert known.count(name) == 2
    eventually(opens_nothing, 10)
    asked_once(known, from_to(with_both, with_new))
    # the file is read again while the server runs
    paths[0].write_text(f"{new}\n{old}\n")
    asked_once(known, from_to(with_old, with_new))


def test_other_block(start, cache, known):
    """The same token at a block with another audience is another question."""
    (one, _), (two, _) = start(cache), start(cache, audience="https://other.example.test")
    name = known.add("audience")
    admitted(one.fresh(name))
    kept(cache)
    refused(two.fresh(name), "audience_mismatch")
    assert known.count(name) == 2


def test_large_answer(start, cache, known):
    """Whole or not at all: 60 KiB of claims."""
    (one, _), (two, _) = start(cache), start(cache)
    name = known.add("large", groups=["g" * 100] * 580)
    admitted(one.fresh(name))
    time.sleep(0.3)
    admitted(two.fresh(name))
    assert known.count(name) in (1, 2)


def test_cached_while_the_issuer_is_down(start, cache, known, fake):
    """Good answers go on until their end, at both httpds; new tokens are told to come back."""
    (one, _), (two, _) = start(cache), start(cache)
    name = known.add("outage")
    admitted(one.fresh(name))
    kept(cache)
    fake.stop()
    try:
        for asker in (one, two):
            eventually(lambda asker=asker: admitted(asker.fresh(name)))
            unavailable(asker.fresh("new-during-outage"))
    finally:
        fake.start()


@pytest.mark.parametrize("provider", ["shmcb", "shmcb:{directory}/answers(2000000)", "dbm:{directory}/answers"])
def test_on_one_machine(start, make_httpd, known, files, provider, work, request):
    """The children of one httpd share: shmcb by itself, dbm with a key."""
    home = work / f"machine-{abs(hash(request.node.nodeid))}"
    home.mkdir()
    home.chmod(0o777)
    lines = f"MTLSOAuthSharedCache {provider.format(directory=home)}\n"
    if provider.startswith("dbm"):
        lines += f'MTLSOAuthSharedCacheKeyFile "{files["keys"]}"\n'
    asker, _ = start(None, cache_lines=lines)

    def use(name):
        admitted(asker.fresh(name))
        time.sleep(0.2)
        for _ in range(5):
            admitted(asker.fresh(name))
    asked_once(known, use)


def flipped(value, bit):
    octets = bytearray(value)
    octets[bit // 8] ^= 1 << bit % 8
    return bytes(octets)
