"""Where the things under test are: what the Makefile says, else what this checkout and machine suggest."""

import grp
import os
import pwd
import shutil
import subprocess
from pathlib import Path


def _first_existing(candidates):
    return next((str(path) for path in candidates if path and Path(path).exists()), "")


def _modules_directory():
    apxs = shutil.which("apxs") or shutil.which("apxs2")
    if apxs:
        told = subprocess.run([apxs, "-q", "LIBEXECDIR"], stdout=subprocess.PIPE, text=True, check=False)
        if told.returncode == 0:
            return told.stdout.strip()
    return _first_existing(["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"])


def _which_httpd():
    return shutil.which("apache2") or shutil.which("httpd") or _first_existing(["/usr/sbin/apache2", "/usr/sbin/httpd"])


SOURCE = Path(os.environ.get("MTO_SOURCE") or Path(__file__).resolve().parents[3])
MODULE = Path(os.environ.get("MTO_MODULE") or SOURCE / "mod_auth_mtls_oauth.so")
TOOL = Path(os.environ.get("MTO_TOOL") or SOURCE / "mtls-oauth")
HTTPD = os.environ.get("MTO_HTTPD") or _which_httpd()
MODULES_DIR = Path(os.environ.get("MTO_MODULES_DIR") or _modules_directory())
SANITIZERS = [name for name in os.environ.get("MTO_SANITIZERS", "").split(",") if name]
# anything: the directories of the servers stay, to look into their configuration and logs
KEEP = bool(os.environ.get("MTO_KEEP"))


def server_account():
    """The User and Group a server started by root drops to; None for everybody else."""
    if os.geteuid() != 0:
        return None
    groups = {entry.gr_name for entry in grp.getgrall()}
    return pwd.getpwnam("nobody").pw_name, "nogroup" if "nogroup" in groups else "nobody"
