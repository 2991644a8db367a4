#!/usr/bin/python3
"""Nanoseconds of each step, and with valgrind how many instructions a token takes that was seen before, and one that was not.

    make bench-micro [BENCH_OPTIONS=--json]
"""

import json
import re
import shutil
import subprocess
import sys

from rig import MICRO, Bench, environment, keys_of_all_kinds, micro
from support.keys import Key

COUNTS = {"seen": (1000, 11000), "first": (100, 600), "bare": (100, 600)}
LABELS = {"seen": "seen", "first": "first sight", "bare": "bare EVP"}


def instructions(bench, keys):
    """Of one pass through a step: what more of them take, divided by how many more there are."""
    jwks, counted = bench.jwks("counted.json", *keys.values()), {}

    def collected(step, count, token):
        said = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={bench.directory}/callgrind.out",
                               str(MICRO), "--repeat", step, str(count), jwks, token], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=True).stderr
        return int(re.search(r"Collected : (\d+)", said)[1])
    for step, name in (("seen", "ES256"), *(("first", name) for name in keys), *(("bare", name) for name in keys)):
        token = bench.token(keys[name], f"urn:{name}")
        less, more = (collected(step, count, token) for count in COUNTS[step])
        counted[name, step] = (more - less) // (COUNTS[step][1] - COUNTS[step][0])
    return counted


def main():
    as_json = "--json" in sys.argv[1:]
    bench = Bench()
    try:
        kinds = keys_of_all_kinds()
        keys = {**kinds, "PS256": Key("PS256", kid="ps"), "ES384": Key("ES384", kid="es384")}
        said = micro(bench, keys, *(["--json"] if as_json else []))
        counted = instructions(bench, kinds) if shutil.which("valgrind") else {}
    finally:
        if not environment.KEEP:
            shutil.rmtree(bench.directory)
    if as_json:
        print(json.dumps({**json.loads(said), "instructions": {" ".join(which): count for which, count in counted.items()}}, indent=1))
    else:
        print(said, end="")
        for (name, step), count in counted.items():
            print(f"{name:8} {LABELS[step] + ', instructions':24} {count:9}")
        if not counted:
            print("valgrind is missing: no instruction counts")


if __name__ == "__main__":
    main()
