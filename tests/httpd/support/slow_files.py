"""An httpd that waits for files whose names end in .slow, as if they were on a file system that is away."""

from pathlib import Path

from support.preload import PreloadedHttpd


class WaitingHttpd(PreloadedHttpd):
    """It opens them as any others until a test says so; root, who reads them first, always does."""

    library = "slow_files.c"

    def __init__(self, directory, *args, **settings):
        home = Path(directory) / "slow"
        home.mkdir()
        home.chmod(0o777)
        self._away = home / "away"
        super().__init__(directory, *args, variables={"MTO_SLOW": self._away}, **settings)

    def take_away(self):
        """From now on who opens such a file waits."""
        self._away.touch()

    def give_back(self):
        self._away.unlink(missing_ok=True)

    def waiting(self):
        """The processes that wait now."""
        return {int(path.suffix[1:]) for path in self._away.parent.glob("away.*")}
