#!/usr/bin/python3
"""Memory of a process through which many more tokens go than it remembers: 1,000,000 requests, or as many as told, of 50,000
tokens through a cache of 10,000. Prints what it has after each 100,000; what counts is that it does not grow once the cache is
full.

    make bench-memory [BENCH_OPTIONS=3000000]
"""

import shutil
import sys

from rig import Bench, Key, Load, Server, block, environment, protected

TOKENS, ENTRIES, STEP = 50000, 10000, 100000


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    bench = Bench()
    try:
        key = Key("ES256", kid="es")
        tokens = bench.write("all", [bench.token(key, "urn:ES256") for _ in range(TOKENS)])
        text = f"MTLSOAuthTokenCache {ENTRIES}\n" + block("urn:ES256", bench.jwks("es.json", key)) + protected()
        with Server(bench, [("localhost", text)]) as server:
            first = server.resident()
            print(f"at start {first:8} KB", flush=True)
            for done in range(STEP, requests + 1, STEP):
                Load(bench, [server], "/api/page", tokens, requests=STEP).begin().results("200")
                print(f"{done:8} {server.resident():8} KB", flush=True)
            print(f"{(server.resident() - first) * 1024 / ENTRIES:.0f} bytes for each of {ENTRIES} tokens")
    finally:
        if not environment.KEEP:
            shutil.rmtree(bench.directory)


if __name__ == "__main__":
    main()
