"""An httpd whose time of day a test can set, while its waits stay as long as they are."""

import struct
from pathlib import Path

from support.preload import PreloadedHttpd


class ClockedHttpd(PreloadedHttpd):
    """A server that begins `ahead` seconds in the future (negative: the past)."""

    source, variable = "clock.c", "MTO_CLOCK"

    def __init__(self, directory, *args, ahead=0, **settings):
        self.shared = Path(directory) / "clock"
        self.set_clock(ahead)
        super().__init__(directory, *args, **settings)

    def set_clock(self, ahead):
        """From now on the server's time of day is that many seconds ahead of ours."""
        if not self.shared.exists():
            self.shared.write_bytes(bytes(8))
        # in place: the server has it mapped
        with open(self.shared, "r+b") as file:
            file.write(struct.pack("=q", ahead))
