"""An httpd that waits for files whose names end in .slow, as if they were on a file system that is away."""

from pathlib import Path

from support.preload import PreloadedHttpd


class WaitingHttpd(PreloadedHttpd):
    """It opens them as any others until a test says so."""

    source, variable = "slow_files.c", "MTO_SLOW"

    def __init__(self, directory, *args, **settings):
        home = Path(directory) / "slow"
        home.mkdir()
        home.chmod(0o777)
        self.shared = home / "away"
        super().__init__(directory, *args, **settings)

    def take_away(self):
        """From now on who opens such a file waits."""
        self.shared.touch()

    def give_back(self):
        self.shared.unlink(missing_ok=True)

    def waiting(self):
        """The processes that wait now."""
        return {int(path.suffix[1:]) for path in self.shared.parent.glob("away.*")}
