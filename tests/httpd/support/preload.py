"""An httpd with a library before all others, and modules that only tests need: compiled where they are used."""

import os
import shutil
import subprocess
from pathlib import Path

from support import sanitizer
from support.server import Httpd

HERE = Path(__file__).parent


def shared_object(source, directory, *flags):
    """Compiles a C file of this folder into `directory`; its path."""
    made = Path(directory) / Path(source).with_suffix(".so")
    subprocess.run([os.environ.get("MTO_CC") or "cc", "-shared", "-fPIC", "-O1", *flags, "-o", str(made), str(HERE / source)], check=True)
    return made


def httpd_flags():
    """What a module of httpd is compiled with, None where its headers are missing."""
    if os.environ.get("MTO_HTTPD_CPPFLAGS"):
        return os.environ["MTO_HTTPD_CPPFLAGS"].split()
    apxs = shutil.which("apxs") or shutil.which("apxs2")
    if not apxs:
        return None
    told = [subprocess.run([apxs, "-q", name], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
            for name in ("INCLUDEDIR", "APR_INCLUDEDIR", "EXTRA_CPPFLAGS")]
    return [f"-I{told[0]}", f"-I{told[1]}", *told[2].split()]


class PreloadedHttpd(Httpd):
    """`library` is a C file of this folder, `variables` are what its environment has besides."""

    library = None

    def __init__(self, directory, *args, variables=None, **settings):
        self._preloaded = shared_object(self.library, directory)
        self._variables = {name: str(value) for name, value in (variables or {}).items()}
        super().__init__(directory, *args, **settings)

    def _command(self, *arguments):
        before = sanitizer.process_environment(self._sanitizer).get("LD_PRELOAD", "").split()
        return ["env", "LD_PRELOAD=" + " ".join([*before, str(self._preloaded)]),
                *(f"{name}={value}" for name, value in self._variables.items()), *super()._command(*arguments)]
