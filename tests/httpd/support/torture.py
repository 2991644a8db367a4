"""An httpd whose memory runs out where a request, or a configtest, says so."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from support import environment, sanitizer
from support.server import Httpd

UNIT = environment.SOURCE / "tests" / "unit"

# what a process says that ends since it got no memory: httpd, our pools without parent, jansson where it cannot grow a buffer
ENDS = re.compile(r"Memory allocation failed, aborting process|mod_auth_mtls_oauth: memory ran out|Assertion .* failed")


class TortureHttpd(Httpd):
    """Children may end by abort, each with a line that says why; in no other way."""

    def __init__(self, directory, *args, main="", **settings):
        self._library = Path(directory) / "torture.so"
        flags = shlex.split(os.environ["MTO_HTTPD_CPPFLAGS"])
        subprocess.run([os.environ.get("MTO_CC") or "cc", "-shared", "-fPIC", "-O1", "-g", *flags, f"-I{UNIT}", "-o",
                        str(self._library), str(Path(__file__).with_name("torture_module.c")), str(UNIT / "failing.c")],
                       check=True, cwd=environment.SOURCE)
        super().__init__(directory, *args, main=f'LoadModule torture_module "{self._library}"\n' + main, **settings)

    def aborted(self):
        """How many children have ended by abort."""
        return sum("exit signal Abort" in line for line in self.lines())

    def explained(self):
        """How many lines tell of an end for want of memory."""
        said = (self.directory / "output.log").read_text(errors="replace").splitlines()
        return sum(ENDS.search(line) is not None for line in [*said, *self.lines()])

    def configtest_failing(self, at):
        """Exit code (negative: a signal) and output of httpd -t with that allocation failing."""
        done = subprocess.run(self._command("-t"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                              check=False, errors="replace",
                              env={**sanitizer.process_environment(self._sanitizer), "MTO_FAIL_AT": at})
        # env(1) runs it, and shells' way of telling a signal is not in between
        return done.returncode, done.stdout

    def _command(self, *arguments):
        preloaded = sanitizer.process_environment(self._sanitizer).get("LD_PRELOAD", "").split()
        return ["env", "LD_PRELOAD=" + " ".join([str(self._library), *preloaded]), "ASAN_OPTIONS=" + ":".join(
            [sanitizer.process_environment(self._sanitizer).get("ASAN_OPTIONS", ""), "verify_asan_link_order=0"]),
            *super()._command(*arguments)]

    def _faults(self):
        crashes = [line for line in self.lines() if "exit signal" in line and "exit signal Abort" not in line]
        return "\n".join(crashes) + sanitizer.reports(self._sanitizer)
