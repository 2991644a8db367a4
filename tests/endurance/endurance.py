#!/usr/bin/python3
"""What takes minutes: graceful restarts and killed children under load, good requests beside a flood, slow clients, and a soak with all
kinds of traffic. Real httpds with several children, TLS with client certificates, a fake issuer whose keys rotate.

    make restarts                       100 graceful restarts
    make soak [MINUTES=30]              everything; SOAK_OPTIONS='--parts kills,flood' for some of it
"""

import argparse
import random
import statistics
import sys
import time
from types import SimpleNamespace

import processes
from stage import CHILDREN, Stage, crashes, kill, parent_of, wait_until
from traffic import PATH, Asked, Mixed, Outcomes, Steady, Together

from rig import Key, Load
from support.client import Connection, tls_context
from support.clients import FORM_TYPE, form

PARTS = ["restarts", "kills", "flood", "slow", "soak"]
SAMPLE_SECONDS = 10
FLOOD_REST = 1000  # microseconds
RELOAD_SECONDS = 30
FLAT = {"steady": ["rss", "largest rss", "parent rss", "descriptors", "parent descriptors", "threads", "shared", "sysv"],
        # its children are young ones at every sample
        "reloaded": ["parent rss", "parent descriptors", "shared", "sysv"]}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Verdict:
    """What went wrong in all parts."""

    def __init__(self):
        self.wrong = []

    def expect(self, true, text):
        if not true:
            self.wrong.append(text)
            say(f"WRONG: {text}")

    def of_traffic(self, part, outcomes, together):
        for line in outcomes.table():
            print(line, flush=True)
        for line in outcomes.examples:
            say(f"{part}: {line}")
        self.expect(not outcomes.faults, f"{part}: {sum(outcomes.faults.values())} requests had another outcome than they should")
        self.expect(not together.broken, f"{part}: {together.broken}")


def all_traffic(stage, servers, outcomes, lost_allowed=False, connections=4):
    """Good tokens over kept and new connections and bad signatures by the load program, and one of each kind, to servers by name."""
    good, bad = stage.tokens("good", 3000), stage.tokens("bad", 500, Key("ES256", kid=stage.local.kid))
    both = list(servers.values())
    mixed = [Mixed(name, server, stage.pki, stage.client_pki, stage.rotation, stage.opaque, stage.local, outcomes, lost_allowed)
             for name, server in servers.items()]
    return [Steady(stage.bench, "good (load)", both, good, (200,), outcomes, connections, lost_allowed=lost_allowed),
            Steady(stage.bench, "good, new connections (load)", both, good, (200,), outcomes, 1, 10000, lost_allowed=lost_allowed, once=True),
            Steady(stage.bench, "bad signature (load)", both, bad, (401,), outcomes, 2, 5000, lost_allowed=lost_allowed), *mixed, stage.rotation]


# ---- Graceful restarts ----

def restarts(verdict, count):
    """Not one good request fails, whenever the configuration is read anew."""
    with Stage() as stage:
        server, outcomes = stage.server(limit=8), Outcomes()
        before, samples = processes.measure(parent_of(server)), []
        with Together(all_traffic(stage, {"server": server}, outcomes)) as together:
            time.sleep(3)
            began = time.monotonic()
            for number in range(count):
                server.reload()
                time.sleep(random.uniform(0, 0.5))
                samples.append(processes.measure(parent_of(server)))
                if number % 10 == 9:
                    say(f"{number + 1} graceful restarts")
            took = time.monotonic() - began
            time.sleep(3)
        say(f"restarts: {count} in {took:.0f} s under {sum(outcomes.of['good (load)'].values()) / took:.0f} good requests a second")
        verdict.of_traffic("restarts", outcomes, together)
        lines, grown = processes.judge(samples[count // 5:], FLAT["reloaded"])
        print("\n".join(lines), flush=True)
        verdict.expect(not grown, f"restarts: {', '.join(grown)} of the parent grew")
        verdict.expect(samples[-1]["shared"] == before["shared"], "restarts: shared memory was left behind")
        verdict.expect(not crashes(server), f"restarts: {crashes(server)[:3]}")


# ---- Killed children ----

def kills(verdict, count):
    """A process that dies at any moment takes its own requests along, and nothing else."""
    # an issuer that takes its time: then some of them die with the lease of a fetch, which the others must wait for
    with Stage(delay=0.7, settled=25) as stage:
        server, outcomes, killed = stage.server(), Outcomes(), 0
        parent = parent_of(server)
        before = processes.measure(parent)
        with Together(all_traffic(stage, {"server": server}, outcomes, lost_allowed=True)) as together:
            time.sleep(2)
            while killed < count:
                time.sleep(random.uniform(0.05, 2))
                children = sorted(processes.children_of(parent))
                if children:
                    kill(random.choice(children))
                    killed += 1
            fetched = stage.rotation.fetches
            verdict.expect(wait_until(lambda: len(processes.children_of(parent)) == CHILDREN, 30), "kills: not all children are back")
            verdict.expect(wait_until(lambda: stage.rotation.fetches > fetched, 90), "kills: keys are fetched no more")
        say(f"kills: {killed} children killed, {stage.rotation.rotations} rotations of keys and {stage.rotation.fetches} fetches meanwhile")
        verdict.of_traffic("kills", outcomes, together)
        slowest = max(outcomes.slowest.values())
        verdict.expect(slowest < 10, f"kills: a request took {slowest:.1f} s")
        # nobody is killed any more: from here on nothing may fail, and what they held together is as it was
        calm = Outcomes()
        with Together(all_traffic(stage, {"server": server}, calm), seconds=5) as together:
            time.sleep(20)
        say("kills: and afterwards")
        verdict.of_traffic("after the kills", calm, together)
        after = processes.measure(parent)
        for name in ("shared", "sysv", "parent descriptors", "children"):
            verdict.expect(after[name] == before[name], f"kills: {name} was {before[name]}, is {after[name]}")
        verdict.expect(not crashes(server, killed), f"kills: {crashes(server, killed)[:3]}")


# ---- Beside a flood ----

def flood(verdict, seconds):
    """p50 and p99 of good requests on two connections, alone, and beside as many others of each kind. A measurement: nothing is judged
    but the answers. Each kind comes five times in turns; medians. The others rest between requests: on a machine whose processors they
    use up, a request waits for its turn there, whatever it is."""
    rounds, others = 5, 4
    with Stage() as stage:
        server = stage.server()
        target = [SimpleNamespace(port=server.port, nanoseconds=lambda: 0, log=lambda: "\n".join(server.lines()[-20:]))]
        stranger = Key("ES256", kid="stranger").private
        unknown = stage.bench.write("unknown", [stage.bench.token(Key("ES256", kid=f"flood-{number}", private=stranger), "urn:rotating")
                                                for number in range(2000)])
        good = stage.tokens("good", 50)
        kinds = {"nobody": None, "other good requests": good, "unknown kids": unknown,
                 "bad signatures": stage.tokens("bad", 500, Key("ES256", kid=stage.local.kid))}
        found, fetched, began = {kind: [] for kind in kinds}, stage.rotation.fetches, time.monotonic()

        def load(tokens, some, **settings):
            return Load(stage.bench, target, PATH, tokens, seconds=some, requests=REQUESTS_MOST, **settings).begin()
        for _ in range(rounds):
            for kind, tokens in kinds.items():
                beside = tokens and load(tokens, seconds + 1, connections=others, rest=FLOOD_REST)
                measured = load(good, seconds, connections=2, warm=200)
                one, = measured.results("200")
                one["others"] = beside.results()[0]["rate"] if beside else 0.0
                found[kind].append(one)
        fetches, took = stage.rotation.fetches - fetched, time.monotonic() - began

        def median(kind, name):
            return statistics.median(one[name] for one in found[kind])
        alone, same = median("nobody", "p99_us"), median("other good requests", "p99_us")
        for kind in kinds:
            p99 = median(kind, "p99_us")
            say(f"flood: good beside {kind} ({median(kind, 'others'):.0f}/s): p50 {median(kind, 'p50_us'):.0f} us, p99 {p99:.0f} us, "
                f"{median(kind, 'rate'):.0f}/s; p99 {p99 / alone:.2f} x alone, {p99 / same:.2f} x beside as many good ones")
        say(f"flood: {fetches} fetches of keys in {took:.0f} s, cooldown 3 s")
        verdict.expect(fetches <= took / 3 + 3, f"flood: {fetches} fetches in {took:.0f} s")
        verdict.expect(not crashes(server), f"flood: {crashes(server)[:3]}")


# ---- Slow clients ----

DRIPPING = 40
REQUESTS_MOST = 4000000  # of the load program


def slow(verdict):
    """Clients that send their header fields, or their form, byte by byte: RequestReadTimeout ends them, and while there are threads left nobody waits for them."""
    limit = 4
    with Stage() as stage:
        server = stage.server(more=f"RequestReadTimeout handshake=5 header={limit} body={limit}\n", more_modules=("reqtimeout",))
        context = tls_context(stage.pki.authority.path, stage.client_pki.reports)
        body = form("dn", padding="x" * 4000)
        head = (f"POST /token/secret.txt HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM_TYPE}\r\nContent-Length: {len(body)}\r\n"
                f"X-Padding: {'x' * 1000}\r\n\r\n").encode()
        dripping = []
        for number in range(DRIPPING):
            connection = Connection(server.port, "localhost", context)
            connection.open()
            connection.rest = (head + body)[50 if number % 2 else len(head) + 1:]
            connection.tls.sendall((head + body)[:-len(connection.rest)])
            connection.tls.settimeout(30)
            dripping.append(connection)
        began, slowest, sent, asked = time.monotonic(), 0.0, 0, 0
        quick = Asked(server, context)
        while time.monotonic() - began < limit - 1:
            for one in dripping:
                one.tls.sendall(one.rest[sent:sent + 1])
            sent += 1
            for _ in range(5):
                begin = time.monotonic()
                answer = quick.request("/token/secret.txt", method="POST", headers=(("Content-Type", FORM_TYPE),), body=form("dn"))
                slowest, asked = max(slowest, time.monotonic() - begin), asked + 1
                verdict.expect(answer.status == 200, f"slow: a quick client got {answer.status}")
            time.sleep(0.2)
        statuses, ended = set(), []
        for one in dripping:
            octets = b""
            try:
                octets = one.tls.recv(4000)
            except OSError:
                pass
            ended.append(time.monotonic() - began)
            statuses.add(octets.split(b" ")[1].decode() if octets.startswith(b"HTTP/1.1 ") else "closed")
            one.close()
        say(f"slow: {DRIPPING} of 48 threads had a client that dripped; {asked} quick clients beside them waited for at most {slowest * 1000:.0f} ms; "
            f"the slow ones were ended after {min(ended):.1f} to {max(ended):.1f} s with {', '.join(sorted(statuses))} (body={limit})")
        verdict.expect(statuses <= {"408", "closed"}, f"slow: answers {statuses}")
        verdict.expect(max(ended) < limit + 6, f"slow: one was let drip for {max(ended):.1f} s")
        verdict.expect(slowest < 2, f"slow: a quick client waited for {slowest:.1f} s")
        begin = time.monotonic()
        answer = quick.request("/token/secret.txt", method="POST", headers=(("Content-Type", FORM_TYPE),), body=form("dn"))
        verdict.expect(answer.status == 200 and time.monotonic() - begin < 2, "slow: nobody is served afterwards")
        quick.close()
        verdict.expect(not crashes(server), f"slow: {crashes(server)[:3]}")


# ---- Soak ----

COLUMNS = [("children", 8), ("rss", 9), ("largest rss", 11), ("parent rss", 10), ("descriptors", 11), ("parent descriptors", 18), ("threads", 7),
           ("shared", 6), ("sysv", 4)]


def print_sample(name, minutes, sample):
    print(f"{minutes:6.1f} {name:9}" + "".join(f" {sample[column]:{width}}" for column, width in COLUMNS), flush=True)


def soak(verdict, minutes):
    """Two servers with the same traffic: one is never touched, the other is restarted gracefully all the time."""
    with Stage() as stage:
        servers = {"steady": stage.server(), "reloaded": stage.server(limit=8)}
        outcomes, samples, before = Outcomes(), {name: [] for name in servers}, processes.machine()
        say(f"soak: {minutes} minutes; before: {before}")
        print("minute server   " + "".join(f" {column:>{width}}" for column, width in COLUMNS), flush=True)
        began, reloads = time.monotonic(), 0
        with Together(all_traffic(stage, servers, outcomes)) as together:
            while (gone := time.monotonic() - began) < 60 * minutes and not together.broken:
                for name, server in servers.items():
                    sample = processes.measure(parent_of(server))
                    # half way through a graceful restart, or before a child is back, there are others than usual
                    if sample["children"] == CHILDREN:
                        samples[name].append(sample)
                    print_sample(name, gone / 60, sample)
                if gone // RELOAD_SECONDS >= reloads:
                    servers["reloaded"].reload()
                    reloads += 1
                time.sleep(max(0.0, SAMPLE_SECONDS - (time.monotonic() - began) % SAMPLE_SECONDS))
        total = sum(sum(number for outcome, number in one.items() if isinstance(outcome, int)) for one in outcomes.of.values())
        say(f"soak: {total} requests in {minutes} minutes ({total / minutes / 60:.0f}/s), {reloads} graceful restarts of one server, "
            f"{stage.rotation.rotations} rotations of keys, {stage.rotation.fetches} fetches of both servers")
        say(f"soak: after: {processes.machine()}; before: {before}")
        verdict.of_traffic("soak", outcomes, together)
        for name, server in servers.items():
            warm = len(samples[name]) // 4
            lines, grown = processes.judge(samples[name][warm:], FLAT[name])
            say(f"soak: {name}, medians of the first and last third of {len(samples[name]) - warm} samples (the first quarter is warm-up)")
            print("\n".join(lines), flush=True)
            verdict.expect(not grown, f"soak: {name}: {', '.join(grown)} not flat")
            verdict.expect(not crashes(server), f"soak: {name}: {crashes(server)[:3]}")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--parts", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--restarts", type=int, default=100)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seconds", type=int, default=4, help="of each measurement beside a flood")
    options = options.parse_args()
    runs = {"restarts": lambda verdict: restarts(verdict, options.restarts), "kills": lambda verdict: kills(verdict, options.kills),
            "flood": lambda verdict: flood(verdict, options.seconds), "slow": slow, "soak": lambda verdict: soak(verdict, options.minutes)}
    verdict = Verdict()
    for part in options.parts.split(","):
        if part not in runs:
            sys.exit(f"no part {part}: there are {', '.join(PARTS)}")
        say(f"== {part}")
        runs[part](verdict)
    say("nothing was wrong" if not verdict.wrong else f"{len(verdict.wrong)} things were wrong:")
    for line in verdict.wrong:
        print(f"  {line}")
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
