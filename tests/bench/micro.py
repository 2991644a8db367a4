#!/usr/bin/python3
"""Nanoseconds of each step, and how many instructions a token takes that was seen before (with valgrind).

    make bench-micro [BENCH_OPTIONS=--json]
"""

import json
import re
import shutil
import subprocess
import sys

from rig import MICRO, Bench, environment, keys_of_all_kinds, micro
from support.keys import Key

COUNTS = (1000, 11000)


def instructions(bench, keys):
    """Of one pass through the seen-token path: what more of them take, divided by how many more there are."""
    jwks, token = bench.jwks("seen.json", *keys.values()), bench.token(keys["ES256"], "urn:ES256")
    found = []
    for count in COUNTS:
        said = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={bench.directory}/callgrind.out",
                               str(MICRO), "--seen", str(count), jwks, token], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=True).stderr
        found.append(int(re.search(r"Collected : (\d+)", said)[1]))
    return (found[1] - found[0]) // (COUNTS[1] - COUNTS[0])


def main():
    as_json = "--json" in sys.argv[1:]
    bench = Bench()
    try:
        keys = {**keys_of_all_kinds(), "PS256": Key("PS256", kid="ps"), "ES384": Key("ES384", kid="es384")}
        said = micro(bench, keys, *(["--json"] if as_json else []))
        counted = instructions(bench, keys) if shutil.which("valgrind") else None
    finally:
        if not environment.KEEP:
            shutil.rmtree(bench.directory)
    if as_json:
        print(json.dumps({**json.loads(said), "instructions of seen": counted}, indent=1))
    else:
        print(said, end="")
        print(f"{'':8} {'seen: instructions':24} {counted:9}" if counted else "valgrind is missing: no instruction counts")


if __name__ == "__main__":
    main()
