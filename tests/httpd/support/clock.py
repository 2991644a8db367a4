"""An httpd whose time of day a test can set, while its waits stay as long as they are."""

import struct
from pathlib import Path

from support.preload import PreloadedHttpd


class ClockedHttpd(PreloadedHttpd):
    """A server that begins `ahead` seconds in the future (negative: the past)."""

    library = "clock.c"

    def __init__(self, directory, *args, ahead=0, **settings):
        self._shift = Path(directory) / "clock"
        self.set_clock(ahead)
        super().__init__(directory, *args, variables={"MTO_CLOCK": self._shift}, **settings)

    def set_clock(self, ahead):
        """From now on the server's time of day is that many seconds ahead of ours."""
        if not self._shift.exists():
            self._shift.write_bytes(bytes(8))
        # in place: the server has it mapped
        with open(self._shift, "r+b") as file:
            file.write(struct.pack("=q", ahead))
