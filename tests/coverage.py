#!/usr/bin/python3
"""Lines and branches of src/ that the tests run, by file, read from gcov (gcc).

Makes a build of its own in build-coverage, runs the unit programs and the tests of the tool in it, and those of a live httpd that
COVERAGE_PYTEST names (pytest's -k; empty: none). Prints how the tests ended, "N passed, N failed", and then the table.
"""

import collections
import glob
import json
import os
import subprocess
import sys

SOURCE = os.environ["MTO_SOURCE"]
BUILD = os.path.join(SOURCE, "build-coverage")
FOLDERS = ("src/core", "src/io", "src/httpd")

Share = collections.namedtuple("Share", "run total")


def build():
    os.makedirs(BUILD, exist_ok=True)
    if not os.path.exists(os.path.join(BUILD, "config.status")):
        subprocess.run(["../configure", "--quiet", "CC=gcc", "CFLAGS=-O0 -g --coverage"], cwd=BUILD, check=True)
    subprocess.run(["make", "--silent", f"-j{os.cpu_count()}", "all", "unit-programs"], cwd=BUILD, check=True)
    for counts in glob.glob(os.path.join(BUILD, "obj/**/*.gcda"), recursive=True):
        os.unlink(counts)


def run_tests():
    # The children of httpd are of another user, and add to the same files.
    os.umask(0)
    subprocess.run(["chmod", "-R", "a+rwX", os.path.join(BUILD, "obj")], check=True)
    wanted = os.environ.get("COVERAGE_PYTEST", "")
    status = subprocess.run(["make", "--silent", "coverage-tests"], cwd=BUILD).returncode
    if wanted:
        live = dict(os.environ, PYTEST_ADDOPTS=f'-k "{wanted}"')
        status |= subprocess.run(["make", "--silent", "httpd-tests"], cwd=BUILD, env=live).returncode
    return status


def share_of(counts):
    return Share(sum(count > 0 for count in counts), len(counts))


def read_counts():
    """(lines, branches) by file."""
    found = {}
    notes = [path for folder in FOLDERS for path in sorted(glob.glob(f"{BUILD}/{folder.replace('src', 'obj')}/*.gcno"))]
    for note in notes:
        printed = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", note], cwd=BUILD,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        for one in json.loads(printed)["files"]:
            name = os.path.relpath(os.path.join(BUILD, one["file"]), SOURCE)
            if name.endswith(".c") and name.startswith("src/"):
                found[name] = (share_of([line["count"] for line in one["lines"]]),
                               share_of([branch["count"] for line in one["lines"] for branch in line["branches"]]))
    return found


def add(shares):
    return Share(sum(share.run for share in shares), sum(share.total for share in shares))


def row(name, lines, branches):
    def percent(share):
        return f"{100 * share.run / share.total:6.1f}%" if share.total else "      -"

    print(f"{name:40} {percent(lines)} of {lines.total:5} {percent(branches)} of {branches.total:5}")


def print_table(found):
    print(f"{'':40} {'lines':>16} {'branches':>16}")
    for name in sorted(found):
        row(name, *found[name])
    for folder in FOLDERS:
        inside = [found[name] for name in found if name.startswith(folder + "/")]
        row(folder, add([lines for lines, _ in inside]), add([branches for _, branches in inside]))
    row("all", add([lines for lines, _ in found.values()]), add([branches for _, branches in found.values()]))


def main():
    build()
    status = run_tests()
    found = read_counts()
    print_table(found)
    return status or not found


if __name__ == "__main__":
    sys.exit(main())
