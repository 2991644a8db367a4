"""An httpd into which a file of C in this folder is preloaded."""

import os
import subprocess
from pathlib import Path

from support import sanitizer
from support.server import Httpd


class PreloadedHttpd(Httpd):
    """Subclasses name the file, and what it shares with the test: a path, which a variable of the environment tells it."""

    source = variable = shared = None

    def __init__(self, directory, *args, **settings):
        self._library = Path(directory) / "preloaded.so"
        subprocess.run([os.environ.get("MTO_CC") or "cc", "-shared", "-fPIC", "-O1", "-o", str(self._library),
                        str(Path(__file__).with_name(self.source))], check=True)
        super().__init__(directory, *args, **settings)

    def _command(self, *arguments):
        preloaded = sanitizer.process_environment(self._sanitizer).get("LD_PRELOAD", "").split()
        return ["env", "LD_PRELOAD=" + " ".join([*preloaded, str(self._library)]), f"{self.variable}={self.shared}",
                *super()._command(*arguments)]
