#!/usr/bin/env python3
"""Runs the fuzz targets, and shows what of the source their inputs reach. make fuzz and make fuzz-coverage call it.

run.py fuzz      each target for some CPU time; what it finds out goes into WORK/corpus, what makes it stop into WORK/found
run.py coverage  lines and branches of src/core and src/io that seeds and corpus reach"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

# Longest input, where it is another than 4096, and the words that inputs consist of.
LENGTHS = {"base64url": 512, "dn": 1200, "escape": 512, "field": 8192, "jws": 8192, "names": 2048, "pem": 8192, "seal": 1024,
           "token": 2048, "chain": 2048}
DICTIONARIES = {"answer": "json", "claims": "json", "clients": "json", "json": "json", "jwks": "json", "jws": "json",
                "metadata": "json", "state": "json", "token": "json", "form": "form", "dn": "name", "names": "name",
                "field": "pem", "pem": "pem", "denylist": "list"}

# An input that takes longer than that many seconds of the wall clock, on a machine that may be busy, or more than that much
# memory in MiB, is a finding.
SLOW = 300
LARGE = 2048


def cpu_seconds(pid):
    """User and system time of a process so far; None: it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Work:
    """Where the parts are."""

    def __init__(self, options):
        self.options = options
        self.source = pathlib.Path(options.source)
        self.folder = pathlib.Path(options.work)

    def inputs(self, name):
        """The folders of inputs of a target; the first one is its own to write."""
        corpus = self.folder / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = [self.source / "seeds" / name, pathlib.Path(self.options.vectors) / name]
        return [str(folder) for folder in [corpus, *seeds] if folder.is_dir()]

    def program(self, kind, name):
        return str(pathlib.Path(self.options.programs) / f"{kind}_{name}")


# ---- fuzz ----

def fuzz_one(work, name, seconds):
    """Returns (row of the table, whether something was found)."""
    found = work.folder / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    log = work.folder / "log" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [work.program("target", name), *work.inputs(name), f"-max_len={LENGTHS.get(name, 4096)}",
               f"-artifact_prefix={found}/", f"-timeout={SLOW}", f"-report_slow_units={SLOW}",
               f"-rss_limit_mb={LARGE}", "-print_final_stats=1", "-print_funcs=0", "-reload=0"]
    if name in DICTIONARIES:
        command.append(f"-dict={work.source / 'dictionaries' / DICTIONARIES[name]}.dict")
    print(f"{name}: {seconds} s of CPU time, log {log}", flush=True)
    spent = 0.0
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        while process.poll() is None:
            spent = cpu_seconds(process.pid) or spent
            if spent >= seconds:
                process.send_signal(signal.SIGUSR1)  # libFuzzer ends in good order
                process.wait()
            time.sleep(0.2)
    text = log.read_text(errors="replace")
    runs = re.search(r"stat::number_of_executed_units: (\d+)", text)
    status = re.findall(r"^#\d+\s.*?cov: (\d+) ft: (\d+) corp: (\d+)", text, re.MULTILINE)
    runs = int(runs.group(1)) if runs else 0
    edges, features, corpus = status[-1] if status else ("0", "0", "0")
    row = [name, f"{runs:,}", f"{spent:.0f}", f"{runs / spent if spent else 0:,.0f}", edges, features, corpus,
           "-" if process.returncode == 0 else "FOUND"]
    if process.returncode != 0:
        print(text[-6000:])
        print(f"{name}: stopped with {process.returncode}; the input is in {found}", flush=True)
    return row, process.returncode != 0


def table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))))


def fuzz(work, options):
    rows = []
    failed = False
    for name in options.targets:
        row, found = fuzz_one(work, name, options.time)
        rows.append(row)
        failed = failed or found
    table(["target", "executions", "CPU s", "per s", "edges", "features", "corpus", "findings"], rows)
    return 1 if failed else 0


# ---- coverage ----

def llvm(name):
    """A tool of clang's release, which Debian may have under a name with its number only."""
    candidates = [name] + [f"{name}-{number}" for number in range(25, 13, -1)]
    path = next(filter(None, map(shutil.which, candidates)), None)
    if path is None:
        sys.exit(f"{name} not found: install llvm")
    return path


def coverage(work, options):
    profiles = work.folder / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    profiles.mkdir(parents=True)
    for name in options.targets:
        outcome = subprocess.run([work.program("fuzz", name), *work.inputs(name)], capture_output=True, text=True,
                                 env={**os.environ, "LLVM_PROFILE_FILE": str(profiles / f"{name}.profraw")})
        if outcome.returncode != 0:
            sys.exit(f"{name}: {outcome.stdout[-500:]}{outcome.stderr[-2000:]}")
    whole = profiles / "all.profdata"
    subprocess.run([llvm("llvm-profdata"), "merge", "-o", whole, *profiles.glob("*.profraw")], check=True)
    programs = [work.program("fuzz", name) for name in options.targets]
    objects = [part for program in programs[1:] for part in ("-object", program)]
    report = subprocess.run([llvm("llvm-cov"), "report", programs[0], *objects, f"-instr-profile={whole}"],
                            check=True, capture_output=True, text=True).stdout
    for folder in ("core", "io"):
        show(folder, report)
    return 0


def show(folder, report):
    """Lines and branches by file, of the table that llvm-cov writes: of each of four kinds count, missed and per cent."""
    rows = []
    for line in report.splitlines():
        cells = line.split()
        if len(cells) == 13 and cells[7] != "0" and re.search(rf"(^|/){folder}/[a-z0-9_]+\.[ch]$", cells[0]):
            rows.append((cells[0].rpartition("/")[2], int(cells[7]), int(cells[8]), int(cells[10]), int(cells[11])))
    rows.append(("all", *(sum(row[i] for row in rows) for i in range(1, 5))))

    def per_cent(count, missed):
        return f"{100 * (count - missed) / count:.1f} %" if count else "-"

    print(f"src/{folder}")
    table(["file", "lines", "reached", "branches", "reached"],
          [[name, str(lines), per_cent(lines, missed), str(branches), per_cent(branches, untaken)]
           for name, lines, missed, branches, untaken in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fuzz", "coverage"])
    parser.add_argument("--programs", required=True, metavar="FOLDER", help="of target_NAME (fuzz) or fuzz_NAME (coverage)")
    parser.add_argument("--source", required=True, metavar="FOLDER", help="tests/fuzz")
    parser.add_argument("--vectors", required=True, metavar="FOLDER", help="inputs of published vectors; need not be there")
    parser.add_argument("--work", required=True, metavar="FOLDER", help="where corpus, findings and logs are")
    parser.add_argument("--time", type=int, default=60, metavar="SECONDS", help="CPU time of each target")
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    options = parser.parse_args()
    return (fuzz if options.what == "fuzz" else coverage)(Work(options), options)


if __name__ == "__main__":
    sys.exit(main())
