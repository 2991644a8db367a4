"""Prints what a flood of unknown kids costs an issuer and the users of good tokens. Not part of the suite:

    /usr/bin/python3 -m pytest -s tests/httpd/measure_key_flood.py

Two processes, a cooldown of 2 s, two clients with good tokens beside six with random kids.
"""

import collections
import threading
import time

from support.blocks import location
from support.expect import admitted
from support.fake_issuer import FakeIssuer
from support.key_life import PATH, STEADY, Asker, eventually, outgoing
from support.keys import Key
from support.server import Host
from test_keys_rotation import Issuer


def ask_for(seconds, asker, tokens, answers, times):
    connection, end, number = asker.kept(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        begin = time.monotonic()
        answer = connection.request(PATH, tokens[number % len(tokens)])
        times.append(time.monotonic() - begin)
        answers[(answer.status, answer.refusal)] += 1
        number += 1
    connection.close()


def show(title, seconds, one, asker, good, bad):
    before, kinds = one.count, []
    threads = []
    for tokens, clients in ((good, 2), (bad, 6 if bad else 0)):
        kinds.append((collections.Counter(), []))
        threads += [threading.Thread(target=ask_for, args=(seconds, asker, tokens, *kinds[-1])) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (admitted_, times), (refused_, _) = kinds
    times.sort()
    print(f"\n{title}: good {dict(admitted_)} p50 {times[len(times) // 2] * 1e3:.2f} ms p99 {times[int(len(times) * .99)] * 1e3:.2f} ms; "
          f"unknown kids {dict(refused_)}; {one.count - before} fetches in {seconds} s", flush=True)
    assert set(admitted_) == {(200, None)}, admitted_


def test_flood(launch, pki, work):
    fake = FakeIssuer(pki.server)
    one, key = Issuer(fake, "measured"), Key("ES256", kid="known")
    one.publish(key)
    server = launch(STEADY + outgoing(pki, work / "measured-state", cooldown="2s") + one.block(), [Host(location("/api"))], level="warn")
    asker = Asker(server, pki)
    eventually(lambda: admitted(asker.fresh(one.token(key))))
    time.sleep(3)
    good = [one.token(key, jti=str(number)) for number in range(50)]
    bad = [one.token(Key("ES256", kid=f"random-{number}")) for number in range(200)]
    show("quiet", 5, one, asker, good, [])
    show("flood, issuer up", 10, one, asker, good, bad)
    fake.hang()
    show("flood, issuer hanging", 10, one, asker, good, bad)
    fake.go_on()
    fake.stop()
    show("flood, issuer down", 10, one, asker, good, bad)
    server.stop()
    server.start()
    show("restarted while the issuer is down", 3, one, asker, good, [])
    fake.start()
    fake.close()
