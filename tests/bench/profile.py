#!/usr/bin/python3
"""Instructions that httpd's child takes for a request with a token that was seen before, beside a Location without
authentication, and which functions of the module they are spent in. By callgrind: the same on a busy machine. It knows no
instructions for SHA-256: the key of the cache (mto_token_cache_key) takes a tenth of that where the processor has them.

    make bench-profile
"""

import re
import shutil
import subprocess
import sys

from rig import Bench, Load, Server, block, environment, keys_of_all_kinds, protected

COUNTS = (200, 1200)
LEAST = 100  # instructions a request that make a function worth its line


def run(bench, text, tokens, requests):
    """Asks so often; returns (instructions of the child, its callgrind file)."""
    folder = bench.directory / f"callgrind-{requests}-{bool(text)}"
    folder.mkdir()
    folder.chmod(0o777)
    under = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/%p")
    with Server(bench, [("localhost", text)], under=under) as server:
        Load(bench, [server], "/api/page", tokens, requests=requests, connections=1, warm=20).begin().results("200")
        child = server.children()[0].name
    found = folder / child
    return int(re.search(r"^(?:summary|totals): (\d+)", found.read_text(), re.MULTILINE)[1]), found


def functions(path):
    """Inclusive instructions of the module's functions."""
    said = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", path], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    found = {}
    for count, name in re.findall(r"^\s*([\d,]+) .*?:(\S+) \[.*mod_auth_mtls_oauth", said, re.MULTILINE):
        found[name] = max(found.get(name, 0), int(count.replace(",", "")))
    return found


def main():
    if not shutil.which("callgrind_annotate"):
        sys.exit("valgrind is missing (Debian: valgrind)")
    bench = Bench()
    try:
        key = keys_of_all_kinds()["ES256"]
        tokens = bench.write("profiled", [bench.token(key, "urn:ES256")])
        settings = block("urn:ES256", bench.jwks("profiled.json", key))
        asked = COUNTS[1] - COUNTS[0]
        (less, before), (more, after) = (run(bench, settings + protected(), tokens, count) for count in COUNTS)
        (bare_less, _), (bare_more, _) = (run(bench, "", tokens, count) for count in COUNTS)
        ours, bare = (more - less) / asked, (bare_more - bare_less) / asked
        print(f"instructions a request: {ours:.0f} with the module, {bare:.0f} without: {ours - bare:.0f} more, {ours / bare:.3f}")
        earlier = functions(before)
        spent = {name: (count - earlier.get(name, 0)) / asked for name, count in functions(after).items()}
        for name, count in sorted(spent.items(), key=lambda pair: -pair[1]):
            if count >= LEAST:
                print(f"{count:9.0f}  {name}")
    finally:
        if not environment.KEEP:
            shutil.rmtree(bench.directory)


if __name__ == "__main__":
    main()
