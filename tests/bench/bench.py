#!/usr/bin/python3
"""What the module costs: server CPU of kept-alive requests with a client certificate. Two servers, alike but for
the Location's authentication, are asked in turns of twenty requests, so that a busy machine slows both. Medians of several rounds.

    make bench                                  a table
    make bench BENCH_OPTIONS='--json'           JSON
    make bench BENCH_OPTIONS='--svg docs/bench.svg'   and a picture
    make bench BENCH_OPTIONS='--rounds 3 --only seen'
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import chart
import peers
from rig import (AUDIENCE, BARE_EVP, Bench, FakeIssuer, Key, Load, Server, block, bound_to, decode, document, environment,
                 keys_of_all_kinds, micro, protected)

REQUESTS = 5000
ROTATING = 10000
FRESH = 4000
ISSUERS = 100
KEYS = 500
FLOOD_SECONDS = 3
HTTP2_REQUESTS = 20000
ROW = 20  # requests to one server before it is the next one's turn


@dataclass
class Case:
    """What is asked of which server, and beside it of a twin without authentication; `warm` requests come before. `bare`: a
    twin that verifies a signature as well, by OpenSSL alone."""

    name: str
    server: Server
    twin: Server
    tokens: Path
    bare: Server = None
    host: str = "localhost"
    requests: int = REQUESTS
    warm: int = 200
    connections: int = 4


class Issuers:
    """Keys, tokens and the configuration with which the module is measured."""

    def __init__(self, bench):
        self.bench = bench
        self.keys = keys_of_all_kinds()
        self.many = [Key("ES256", kid=f"many-{number}") for number in range(ISSUERS)]
        self.large = [Key("ES256", kid=f"large-{number}") for number in range(KEYS)]
        self.asked = FakeIssuer()
        self.asked.answer("/introspect", document({
            "active": True, "iss": "urn:asked", "aud": AUDIENCE, "sub": "alice", "client_id": "reports", "scope": "orders:read orders:write",
            "exp": int(time.time()) + 86400, "cnf": bound_to(bench.pki.owner)}))
        self.of_many = [f"https://issuer-{number}.example.test/realms/main" for number in range(ISSUERS)]

    def hosts(self, guard):
        """guard: what protects the Locations; "" for the twin."""
        bench = self.bench
        three = "".join(block(f"urn:{name}", bench.jwks(f"{name}.json", key)) for name, key in self.keys.items())
        many = "".join(block(issuer, bench.jwks(f"{key.kid}.json", key)) for issuer, key in zip(self.of_many, self.many))
        large = block("urn:large", bench.jwks("large.json", *self.large))
        secret = bench.directory / "introspection.secret"
        secret.write_text("a secret\n")
        asked = block("urn:asked", bench.jwks("asked.json", self.keys["ES256"]),
                      f'MTLSOAuthIntrospectionURI "{self.asked.url}/introspect"', "MTLSOAuthIntrospectJWT on",
                      "MTLSOAuthIntrospectionClientID bench", f'MTLSOAuthIntrospectionClientSecretFile "{secret}"',
                      "MTLSOAuthIntrospectionCache exp") + "MTLSOAuthOpaqueTokenIssuer urn:asked\n"
        return [("localhost", three + guard), ("asked.example.test", asked + guard),
                *((first_host(name), f"MTLSOAuthTokenCache {FRESH // 3}\n" + three + guard) for name in self.keys),
                ("many.example.test", many + guard), ("large.example.test", large + guard)]

    def bare_hosts(self):
        """The same as the twin where a token is new, but for one bare verification of each request."""
        made = []
        for name, key in self.keys.items():
            text, _, signature = self.bench.token(key, f"urn:{name}").rpartition(".")
            if name == "ES256":
                signature = key.private.sign(text.encode(), ec.ECDSA(hashes.SHA256()))  # DER, as OpenSSL takes it
            else:
                signature = decode(signature)
            files = [self.bench.directory / f"bare-{name}{end}" for end in (".pem", ".text", ".signature")]
            for path, content in zip(files, (key.public_pem().encode(), text.encode(), signature)):
                path.write_bytes(content)
            words = " ".join(f'"{path}"' for path in files)
            made.append((first_host(name), f'<Location "/api">\nBareVerify {words}\n</Location>\n'))
        return made

    def cases(self, *servers, bare=None):
        bench, made = self.bench, []
        for name, key in self.keys.items():
            made.append(Case(f"seen {name}", *servers, bench.write(f"seen-{name}", [bench.token(key, f"urn:{name}")])))
        rotating = bench.write("rotating", [bench.token(self.keys["ES256"], "urn:ES256") for _ in range(ROTATING)])
        made.append(Case("10,000 tokens in rotation", *servers, rotating, requests=ROTATING, warm=ROTATING))
        of_many = bench.write("many", [bench.token(*pair) for pair in zip(self.many, self.of_many)])
        made.append(Case("100 issuers", *servers, of_many, host="many.example.test"))
        of_large = bench.write("large", [bench.token(key, "urn:large") for key in self.large])
        made.append(Case("500 keys in a set", *servers, of_large, host="large.example.test", warm=2 * KEYS))
        known = {"opaque": "2YotnFZFEjr1zCsicMWpAA" * 2, "JWT": bench.token(self.keys["ES256"], "urn:asked")}
        for name, token in known.items():
            made.append(Case(f"introspected {name}", *servers, bench.write(f"asked-{name}", [token]),
                             host="asked.example.test"))
        for name, key in self.keys.items():
            # more tokens than the cache of that host holds, in rotation: each is new when it comes again
            fresh = bench.write(f"fresh-{name}", [bench.token(key, f"urn:{name}") for _ in range(FRESH)])
            made.append(Case(f"first sight {name}", *servers, fresh, bare, first_host(name), FRESH))
        return made


def first_host(name):
    """Where tokens of that algorithm are always new."""
    return f"first-{name.lower()}.example.test"


def measure_round(bench, case):
    """The servers in turns, once this one first and once the other: to be first costs something too."""
    servers = [one for one in (case.server, case.twin, case.bare) if one]
    runs = []
    for order in (servers, servers[::-1]):
        found = Load(bench, order, "/api/page", case.tokens, case.host, case.requests // 2, warm=case.warm,
                     connections=case.connections, row=ROW).begin().results("200")
        runs.append(found if order is servers else found[::-1])

    def mean(side, name):
        return statistics.mean(run[side][name] for run in runs)
    measured, base = mean(0, "cpu_us"), mean(1, "cpu_us")
    return {"cpu_us": measured, "base_us": base, "ratio": measured / base, "added_us": measured - base,
            "bare_us": mean(2, "cpu_us") - base if case.bare else 0, "rate": mean(0, "rate"), **{name: mean(0, name) for name in ("p50_us", "p99_us")},
            **{f"base_{name}": mean(1, name) for name in ("p50_us", "p99_us")}}


def medians(rounds):
    names = ("cpu_us", "base_us", "ratio", "added_us", "bare_us", "rate", "p50_us", "p99_us", "base_p50_us", "base_p99_us")
    return {name: statistics.median(one[name] for one in rounds) for name in names}


def measure(bench, cases, rounds, say):
    gathered = {case.name: [] for case in cases}
    for turn in range(rounds):
        for case in cases:
            gathered[case.name].append(measure_round(bench, case))
        say(f"round {turn + 1} of {rounds} done")
    return {name: medians(results) for name, results in gathered.items()}


# --- What needs another kind of load ---

def http2(bench, issuers, rounds, say):
    """Streams of one HTTP/2 connection, by the nghttp command; h2load has no client certificates."""
    if not shutil.which("nghttp"):
        say("HTTP/2 is left out: nghttp is missing (Debian: nghttp2-client)")
        return {}
    token, gathered = bench.token(issuers.keys["ES256"], "urn:ES256"), []

    def ask(server):
        before, start = server.ticks(), time.monotonic()
        subprocess.run(["nghttp", "--null-out", "--no-dep", "--multiply", str(HTTP2_REQUESTS), "--cert", bench.pki.owner.path,
                        "--key", bench.pki.owner.key_path, "--header", f"authorization: Bearer {token}",
                        f"https://127.0.0.1:{server.port}/api/page"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        return (server.ticks() - before) / 1000 / HTTP2_REQUESTS, HTTP2_REQUESTS / (time.monotonic() - start)
    settings = (["http2"], "Protocols h2 http/1.1\n")
    with Server(bench, issuers.hosts(protected()), *settings) as server, Server(bench, issuers.hosts(""), *settings) as twin:
        for turn in range(rounds):
            found = {id(one): ask(one) for one in ([server, twin] if turn % 2 else [twin, server])}
            (cpu, rate), (base, _) = found[id(server)], found[id(twin)]
            gathered.append({"cpu_us": cpu, "base_us": base, "ratio": cpu / base, "added_us": cpu - base, "bare_us": 0, "rate": rate,
                             **dict.fromkeys(("p50_us", "p99_us", "base_p50_us", "base_p99_us"), 0)})
    return {"HTTP/2, seen ES256": medians(gathered)}


def flood(bench, issuers, server, say):
    """p50 and p99 of good requests alone, beside other good ones, and beside as many connections with bad signatures."""
    es256 = issuers.keys["ES256"]
    good = bench.write("good", [bench.token(es256, "urn:ES256") for _ in range(50)])
    bad = bench.write("bad", [bench.token(Key("ES256", kid=es256.kid), "urn:ES256") for _ in range(500)])
    found = {}
    for name, tokens in (("nobody", None), ("other good requests", good), ("bad signatures", bad)):
        others = tokens and Load(bench, [server], "/api/page", tokens, seconds=FLOOD_SECONDS + 1).begin()
        measured = Load(bench, [server], "/api/page", good, seconds=FLOOD_SECONDS, warm=100, connections=2).begin()
        found[name], = measured.results("200")
        found[name]["others"] = others.results()[0]["rate"] if others else 0
    say("flood done")
    return {name: {key: one[key] for key in ("p50_us", "p99_us", "rate", "others")} for name, one in found.items()}


# --- The answer ---

def first_sight_limits(bench, keys, cases):
    """Microseconds that the first sight of each algorithm may add: 1.3 times the bare EVP, measured in an httpd beside it, and
    15; and what the bare EVP takes in a loop that does nothing else, for comparison."""
    nanos = json.loads(micro(bench, keys, "--json"))
    named = {name: f"first sight {name}" for name in keys}
    return {case: {"bare_us": cases[case]["bare_us"], "limit_us": 1.3 * cases[case]["bare_us"] + 15,
                   "loop_us": nanos[f"{name} bare EVP"] / 1000} for name, case in named.items() if case in cases}


def print_table(found):
    print(f"{'case':36} {'CPU us':>7} {'without':>7} {'ratio':>6} {'added us':>8} {'req/s':>6} {'p50 us':>13} {'p99 us':>13}")
    for name, one in found["cases"].items():
        limit = found["limits"].get(name)
        print(f"{name:36} {one['cpu_us']:7.1f} {one['base_us']:7.1f} {one['ratio']:6.3f} {one['added_us']:8.1f} "
              f"{one['rate']:6.0f} {one['p50_us']:6.0f}/{one['base_p50_us']:<6.0f} {one['p99_us']:6.0f}/{one['base_p99_us']:<6.0f}"
              + (f" at most {limit['limit_us']:.1f} us may be added: bare EVP {limit['bare_us']:.1f}"
                 f" ({limit['loop_us']:.1f} in a loop)" if limit else ""))
    print("p50 and p99: with authentication / without, each in turn on the same connections")
    for name, one in found["flood"].items():
        print(f"good beside {name} ({one['others']:.0f}/s): p50 {one['p50_us']:.0f} us, p99 {one['p99_us']:.0f} us, "
              f"{one['rate']:.0f} req/s")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--json", action="store_true")
    options.add_argument("--svg", metavar="FILE", help="write a bar chart of the ratios")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--only", default="", help="cases with this in their name")
    options = options.parse_args()

    def say(text):
        print(text, file=sys.stderr, flush=True)
    bench = Bench()
    found = {"limits": {}, "flood": {}}
    try:
        issuers = Issuers(bench)
        with Server(bench, issuers.hosts(protected())) as server, Server(bench, issuers.hosts("")) as twin, \
                Server(bench, issuers.bare_hosts(), main=f'LoadModule bare_evp_module "{BARE_EVP}"') as bare, peers.servers(bench, issuers.keys["RS256"], say) as others:
            cases = issuers.cases(server, twin, bare=bare) + [Case(*other, requests=REQUESTS // 2) for other in others]
            cases = [case for case in cases if options.only in case.name]
            found["cases"] = measure(bench, cases, options.rounds, say)
            if not options.only:
                found["flood"] = flood(bench, issuers, server, say)
        if options.only in "HTTP/2":
            found["cases"].update(http2(bench, issuers, options.rounds, say))
        found["limits"] = first_sight_limits(bench, issuers.keys, found["cases"])
    finally:
        if not environment.KEEP:
            shutil.rmtree(bench.directory)
    if options.svg:
        Path(options.svg).write_text(chart.draw(found["cases"]))
    if options.json:
        json.dump(found, sys.stdout, indent=1)
        print()
    else:
        print_table(found)


if __name__ == "__main__":
    main()
