"""An httpd whose time of day a test can set, while its waits stay as long as they are."""

import os
import struct
import subprocess
from pathlib import Path

from support import sanitizer
from support.server import Httpd


class ClockedHttpd(Httpd):
    """A server that begins `ahead` seconds in the future (negative: the past)."""

    def __init__(self, directory, *args, ahead=0, **settings):
        self._shift = Path(directory) / "clock"
        self._library = Path(directory) / "clock.so"
        subprocess.run([os.environ.get("MTO_CC") or "cc", "-shared", "-fPIC", "-O1", "-o", str(self._library),
                        str(Path(__file__).with_name("clock.c"))], check=True)
        self.set_clock(ahead)
        super().__init__(directory, *args, **settings)

    def set_clock(self, ahead):
        """From now on the server's time of day is that many seconds ahead of ours."""
        if not self._shift.exists():
            self._shift.write_bytes(bytes(8))
        # in place: the server has it mapped
        with open(self._shift, "r+b") as file:
            file.write(struct.pack("=q", ahead))

    def _command(self, *arguments):
        preloaded = sanitizer.process_environment(self._sanitizer).get("LD_PRELOAD", "").split()
        return ["env", "LD_PRELOAD=" + " ".join([*preloaded, str(self._library)]), f"MTO_CLOCK={self._shift}",
                *super()._command(*arguments)]
