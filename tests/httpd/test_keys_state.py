"""State files: keys outlive a restart while the issuer is down; what this installation did not write is never believed."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import time

import pytest

from support import environment
from support.blocks import location
from support.expect import admitted
from support.fake_issuer import FakeIssuer, document, key_set
from support.key_life import Asker, children, eventually, outgoing, over, remote, unavailable
from support.keys import Key
from support.server import Host, Httpd
from support.tokens import claims, mint


class Issuers:
    """Several sources at one host; each has a name that its URL and ISS carry."""

    def __init__(self, fake, names, key):
        self.fake = fake
        self.names = names
        self.key = key
        for name in names:
            fake.answer(f"/{name}/jwks", key_set(key.jwk()))

    def iss(self, name):
        return f"https://{name}.state.example.test"

    def blocks(self):
        return "".join(remote(self.iss(name), f'MTLSOAuthJWKSURI "{self.fake.url}/{name}/jwks"') for name in self.names)

    def token(self, name, key=None):
        return mint(key or self.key, claims(self.iss(name)))

    def count(self, name):
        return self.fake.count(f"/{name}/jwks")


@pytest.fixture
def fake(pki):
    made = FakeIssuer(pki.server)
    yield made
    made.close()


@pytest.fixture
def start(make_httpd, pki):
    """Starts a server with a state directory and blocks; all end with the test."""
    started = []

    def run(state, blocks, make=make_httpd, **settings):
        started.append(make(outgoing(pki, state, **settings) + blocks, [Host(location("/api"))]).start())
        return started[-1], Asker(started[-1], pki)
    yield run
    for server in started:
        server.stop()


@pytest.fixture
def directory(work, request):
    """A new place for state that does not exist yet."""
    base = work / f"state-{request.node.name.replace('[', '-').replace(']', '').replace(' ', '-')}"
    base.mkdir()
    return base / "state"


def primed(start, directory, issuers):
    """A directory with the state of all issuers, as a server left it."""
    server, asker = start(directory, issuers.blocks())
    for name in issuers.names:
        eventually(lambda name=name: admitted(asker.fresh(issuers.token(name))))
    eventually(lambda: _files_of(directory, issuers))
    server.stop()
    return _files_of(directory, issuers)


def _files_of(directory, issuers):
    """name -> its state file."""
    found = {}
    for path in directory.iterdir():
        content = path.read_bytes() if path.is_file() else b""
        for name in issuers.names:
            if f"/{name}/jwks".encode() in content or f"/{name}/jwks".replace("/", "\\/").encode() in content:
                assert name not in found, f"two files of {name}"
                found[name] = path
    assert set(found) == set(issuers.names), sorted(path.name for path in directory.iterdir())
    return found


def test_restart_while_the_issuer_is_down(start, directory, fake, key):
    """The keys of the last run serve at once: nobody waits for an issuer that is not there."""
    issuers = Issuers(fake, ["one", "two"], key)
    primed(start, directory, issuers)
    fake.stop()
    _, asker = start(directory, issuers.blocks())
    for _ in range(8):
        answer, took = asker.timed(issuers.token("one"))
        admitted(answer)
        assert took < 1
    admitted(asker.fresh(issuers.token("two")))
    over()
    unavailable(asker.fresh(issuers.token("one", Key("ES256", kid="unheard-of"))))
    successor = Key("ES256", kid="next")
    fake.answer("/one/jwks", key_set(successor.jwk()))
    fake.start()
    eventually(lambda: admitted(asker.fresh(issuers.token("one", successor))))


def test_restart_while_the_issuer_hangs(start, directory, fake, key):
    issuers = Issuers(fake, ["one"], key)
    primed(start, directory, issuers)
    fake.hang()
    _, asker = start(directory, issuers.blocks(), timeout="30s")
    for _ in range(8):
        answer, took = asker.timed(issuers.token("one"))
        admitted(answer)
        assert took < 1


def test_discovered_issuer_outlives_a_restart(start, directory, fake, key):
    """What metadata told is kept too."""
    iss = fake.url + "/tenant"
    fake.answer("/.well-known/oauth-authorization-server/tenant", document({"issuer": iss, "jwks_uri": fake.url + "/tenant/jwks"}))
    fake.answer("/tenant/jwks", key_set(key.jwk()))
    server, asker = start(directory, remote(iss))
    eventually(lambda: admitted(asker.fresh(mint(key, claims(iss)))))
    time.sleep(0.5)
    server.stop()
    fake.stop()
    _, asker = start(directory, remote(iss))
    admitted(asker.fresh(mint(key, claims(iss))))


def test_of_another_issuer_or_url(start, directory, fake, key):
    """State belongs to its ISS and URL: another block that names only one of the two finds nothing."""
    issuers = Issuers(fake, ["one"], key)
    primed(start, directory, issuers)
    fake.stop()
    other_iss = remote("https://another.example.test", f'MTLSOAuthJWKSURI "{fake.url}/one/jwks"')
    _, asker = start(directory, other_iss)
    unavailable(asker.fresh(mint(key, claims("https://another.example.test"))))
    other_url = remote(issuers.iss("one"), f'MTLSOAuthJWKSURI "{fake.url}/two/jwks"')
    _, asker = start(directory, other_url)
    unavailable(asker.fresh(issuers.token("one")))
    _, asker = start(directory, issuers.blocks())
    admitted(asker.fresh(issuers.token("one")))


def test_place(start, directory, fake, key):
    """The directory is the children's alone; files are theirs, and nothing else lies about."""
    issuers = Issuers(fake, ["one"], key)
    files = primed(start, directory, issuers)
    told = directory.stat()
    assert stat.S_IMODE(told.st_mode) == 0o700, oct(told.st_mode)
    account = environment.server_account()
    owner = pwd.getpwnam(account[0]).pw_uid if account else os.getuid()
    assert told.st_uid == owner
    one = files["one"].lstat()
    assert stat.S_ISREG(one.st_mode) and one.st_uid == owner and stat.S_IMODE(one.st_mode) & 0o077 == 0, oct(one.st_mode)
    assert not [path.name for path in directory.iterdir() if "tmp" in path.name.lower() or "new" in path.name.lower()]


def test_a_directory_that_others_could_enter(start, directory, fake, key):
    """It exists with other rights: they are taken back."""
    directory.mkdir()
    directory.chmod(0o777)
    issuers = Issuers(fake, ["one"], key)
    primed(start, directory, issuers)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("how", ["link to nothing", "link to a file", "of the children", "empty", "gone", "directory"])
def test_what_only_root_wrote(start, directory, fake, key, how):
    """The children own the directory, so one of them can replace what root keeps there: root then writes and believes nothing there,
    and the issuer's keys are fetched anew."""
    issuers = Issuers(fake, ["one"], key)
    primed(start, directory, issuers)
    account = environment.server_account()
    owned = [path for path in directory.iterdir() if path.stat().st_uid == os.getuid()] if account else []
    if not owned:
        pytest.skip("nothing here is of another user than the children's")
    target = directory.parent / "target"
    for path in owned:
        content = path.read_bytes()
        path.unlink()
        if how == "link to a file":
            target.write_text("untouched")
            target.chmod(0o600)
        if how.startswith("link"):
            path.symlink_to(target)
        if how == "of the children":
            path.write_bytes(content)
            shutil.chown(path, *account)
        if how == "empty":
            path.write_bytes(b"")
        if how == "directory":
            path.mkdir()
    _, asker = start(directory, issuers.blocks())
    eventually(lambda: admitted(asker.fresh(issuers.token("one"))))
    if how == "link to nothing":
        assert not target.exists()
    if how == "link to a file":
        assert target.read_text() == "untouched" and target.stat().st_uid == os.getuid() and stat.S_IMODE(target.stat().st_mode) == 0o600


def _flip(at):
    def spoil(path, _):
        octets = bytearray(path.read_bytes())
        octets[at(len(octets))] ^= 1
        path.write_bytes(bytes(octets))
    return spoil


def _content(change):
    return lambda path, _: path.write_bytes(change(path.read_bytes()))


def _symlink(path, home):
    beside = home / (path.name + ".real")
    shutil.move(path, beside)
    if environment.server_account():
        shutil.chown(beside, *environment.server_account())
    path.symlink_to(beside)


def _fifo(path, _):
    path.unlink()
    os.mkfifo(path)


def _folder(path, _):
    path.unlink()
    path.mkdir()


# label -> how a good state file is spoilt: (file, a directory outside of the state)
SPOILT = {
    "first byte": _flip(lambda size: 0), "a byte in the middle": _flip(lambda size: size // 2), "last byte": _flip(lambda size: size - 1),
    "a byte of the first quarter": _flip(lambda size: size // 4), "a byte of the last quarter": _flip(lambda size: size * 3 // 4),
    "empty": _content(lambda text: b""), "cut in half": _content(lambda text: text[:len(text) // 2]), "cut at the end": _content(lambda text: text[:-1]),
    "text behind": _content(lambda text: text + b" "), "twice": _content(lambda text: text * 2), "noise": _content(lambda text: bytes(range(256)) * 8),
    "oversized": _content(lambda text: text + b" " * (8 << 20)), "oversized noise": _content(lambda text: b"x" * (64 << 20)),
    "symbolic link": _symlink, "FIFO": _fifo, "directory": _folder,
}


@pytest.fixture(scope="module")
def spoilt(work, pki, make_httpd, key):
    """One server over a directory with a spoilt file for each row, one of another row, one of another installation, and a good one."""
    names = [label.replace(" ", "-") for label in SPOILT]
    host = FakeIssuer(pki.server)
    issuers = Issuers(host, [*names, "borrowed", "lender", "foreign", "good"], key)
    servers = []

    def start(state, blocks):
        servers.append(make_httpd(outgoing(pki, state) + blocks, [Host(location("/api"))]).start())
        return servers[-1], Asker(servers[-1], pki)
    home = work / "spoilt"
    home.mkdir()
    files = primed(start, home / "state", issuers)
    other = primed(start, home / "other", issuers)
    for label, spoil in SPOILT.items():
        spoil(files[label.replace(" ", "-")], home)
    _overwrite(files["borrowed"], files["lender"].read_bytes())
    _overwrite(files["foreign"], other["foreign"].read_bytes())
    host.stop()
    server, asker = start(home / "state", issuers.blocks())
    yield server, asker, issuers, files, host
    for one in servers:
        one.stop()
    host.close()


def _overwrite(path, octets):
    path.write_bytes(octets)


@pytest.mark.parametrize("label", [*SPOILT, "borrowed", "foreign"])
def test_spoilt_file(spoilt, label):
    """Ignored, and each process warns once, naming the issuer or the file; the issuer is down, hence 503."""
    server, asker, issuers, files, _ = spoilt
    name = label.replace(" ", "-")
    unavailable(asker.fresh(issuers.token(name)))
    told = [line for line in server.lines() if (":warn]" in line or ":error]" in line) and "refused " not in line and "ignored" in line
            and (files[name].name in line or issuers.iss(name) in line)]
    assert told and all(":warn]" in line for line in told), told
    processes = [re.search(r"\[pid (\d+)", line).group(1) for line in told]
    assert len(processes) == len(set(processes)), told


def test_untouched_file(spoilt):
    """The twins beside them serve."""
    server, asker, issuers, files, _ = spoilt
    for name in ("good", "lender"):
        admitted(asker.fresh(issuers.token(name)))
        assert not [line for line in server.lines() if issuers.iss(name) in line and "ignored" in line]


def test_spoilt_files_are_replaced(spoilt):
    """When the issuers are back, all is written anew, links and all (named to run last)."""
    _, asker, issuers, files, host = spoilt
    host.start()
    for label in [*SPOILT, "borrowed", "foreign"]:
        name = label.replace(" ", "-")
        eventually(lambda name=name: admitted(asker.fresh(issuers.token(name))), 8)
    for label in SPOILT:
        if label not in ("directory",):
            path = files[label.replace(" ", "-")]
            eventually(lambda path=path: _regular(path))


def _regular(path):
    assert stat.S_ISREG(path.lstat().st_mode) and 0 < path.stat().st_size < (1 << 20), path


def test_off(start, fake, key):
    """Each process fetches for itself."""
    issuers = Issuers(fake, ["one"], key)
    server, asker = start("off", issuers.blocks())
    for _ in range(10):
        eventually(lambda: admitted(asker.fresh(issuers.token("one"))))
    eventually(lambda: _as_many(issuers.count("one"), server))
    successor = Key("ES256", kid="next")
    over()
    before = issuers.count("one")
    fake.answer("/one/jwks", key_set(key.jwk(), successor.jwk()))
    for _ in range(12):
        eventually(lambda: admitted(asker.fresh(issuers.token("one", successor))))
    assert before < issuers.count("one") <= before + 2 * len(children(server))


def _as_many(count, server):
    assert 2 <= len(children(server)) <= count <= 2 * len(children(server)) + 1, (count, children(server))


class MountedHttpd(Httpd):
    """A server that sees a file system of its own at one place, which nobody else does."""

    mount = ""

    def _command(self, *arguments):
        return ["unshare", "-m", "sh", "-c", f'{self.mount} && exec "$0" "$@"', *super()._command(*arguments)]


def _may_mount():
    tried = subprocess.run(["unshare", "-m", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False) if shutil.which("unshare") else None
    return tried is not None and tried.returncode == 0


@pytest.mark.parametrize("how", ["below a file", "read-only", "full", "no inode", "of another user"])
def test_unwritable(start, work, pki, directory, fake, key, how, make_httpd):
    """Costs persistence and nothing else: the server starts, every process fetches for itself, new keys arrive."""
    issuers = Issuers(fake, ["one"], key)
    make, state = make_httpd, directory
    if how == "below a file":
        (directory.parent / "file").write_text("")
        state = directory.parent / "file" / "state"
    elif how == "of another user":
        if os.geteuid() == 0:
            pytest.skip("root may give the directory to the children")
        directory.mkdir()
        directory.chmod(0o500)
    else:
        if not _may_mount():
            pytest.skip("needs the right to mount")
        options = {"read-only": "ro", "full": "size=4k", "no inode": "nr_inodes=2"}[how]
        directory.mkdir()
        fill = f' && head -c 8192 /dev/zero > "{directory}/filler"; true' if how == "full" else ""
        held = type("Mounted", (MountedHttpd,), {"mount": f'mount -t tmpfs -o {options} tmpfs "{directory}"{fill}'})

        def make(*args, **settings):
            home = directory.parent / f"httpd-{len(list(directory.parent.iterdir()))}"
            home.mkdir()
            home.chmod(0o755)
            return held(home, pki, *args, **settings)
    server, asker = start(state, issuers.blocks(), make=make)
    for _ in range(8):
        eventually(lambda: admitted(asker.fresh(issuers.token("one"))))
    over()
    successor = Key("ES256", kid="next")
    fake.answer("/one/jwks", key_set(key.jwk(), successor.jwk()))
    for _ in range(8):
        eventually(lambda: admitted(asker.fresh(issuers.token("one", successor))))
    assert issuers.count("one") <= 6 * len(children(server)), "not a fetch a request"
    told = [line for line in server.lines() if str(state) in line and (":warn]" in line or ":error]" in line)]
    assert told, "nobody was told"
    assert len(told) <= 2 * (len(children(server)) + 1), told
