"""Runs httpd under the sanitizers the module was built with and finds what they reported."""

import os
import subprocess

from support import environment

RUNTIMES = {"address": "libasan.so", "undefined": "libubsan.so", "thread": "libtsan.so"}


def process_environment(directory):
    """The environment of an httpd process; reports go to files in `directory`."""
    result = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
    if environment.SANITIZERS:
        result["LD_PRELOAD"] = " ".join(_runtime(name) for name in environment.SANITIZERS)
        # httpd itself leaks by design at exit; everything else is ours to answer for
        result["ASAN_OPTIONS"] = f"detect_leaks=0:log_path={directory}/report"
        result["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={directory}/report"
        result["TSAN_OPTIONS"] = f"log_path={directory}/report"
    return result


def reports(directory):
    """The text of every report written to `directory`."""
    return "\n".join(path.read_text(errors="replace") for path in sorted(directory.glob("report*")))


def _runtime(name):
    found = subprocess.run(["gcc", f"-print-file-name={RUNTIMES[name]}"], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()
