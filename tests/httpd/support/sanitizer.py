"""Runs httpd under the sanitizers the module was built with and finds what they reported; without any, under what tells where
a process crashed."""

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

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
        # prefork ends a child within a handler of signals, whatever it is at; that is for httpd to answer for
        result["TSAN_OPTIONS"] = f"report_signal_unsafe=0:log_path={directory}/report"
    elif _crash_reporter():
        result["LD_PRELOAD"] = _crash_reporter()
    return result


def reports(directory):
    """The text of every report written to `directory`."""
    texts = [path.read_text(errors="replace") for path in sorted(directory.glob("report*"))]
    if "thread" in environment.SANITIZERS:
        texts = [report for text in texts for report in re.split("^={18}$", text, flags=re.MULTILINE) if _is_of_ours(report)]
    return "\n".join(texts)


def _is_of_ours(report):
    """The thread sanitizer sees httpd and its libraries only where they call the C library, and not what they keep apart by
    atomics of their own; it takes that for races. Whatever our code does or has begun has a frame of ours."""
    return "mod_auth_mtls_oauth" in report


def _runtime(name):
    found = subprocess.run(["gcc", f"-print-file-name={RUNTIMES[name]}"], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()


@functools.cache
def _crash_reporter():
    """A library to be preloaded, as long as this process lives; None where there is no compiler."""
    compiler = os.environ.get("MTO_CC") or shutil.which("cc")
    if not compiler:
        return None
    directory = Path(tempfile.mkdtemp(prefix="mto-crash-"))
    directory.chmod(0o755)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    source = Path(__file__).with_name("crash.c")
    subprocess.run([*compiler.split(), "-shared", "-fPIC", "-O1", "-o", str(directory / "crash.so"), str(source)], check=True)
    return str(directory / "crash.so")
