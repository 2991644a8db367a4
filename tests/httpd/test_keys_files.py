"""Key files that change while the server runs: read again within a few seconds, without a reload, never by a request."""

import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.key_life import STEADY, Asker, children, eventually
from support.keys import Key, write_jwks
from support.server import Host
from support.tokens import claims, mint

JWKS, PEM, BOTH = "https://jwks.example.test", "https://pem.example.test", "https://two-pem.example.test"

# what a broken new file says -> its bytes
BROKEN = {"empty": b"", "cut": b'{"keys": [{"kty": "EC"', "no key": b'{"keys": []}', "no JSON": b"keys", "array": b"[]",
          "2 MB": b'{"keys": [' + b" " * (2 << 20) + b"]}", "bad keys alone": b'{"keys": [{"kty": "oct", "k": "AAAA"}]}'}
BROKEN_PEM = {"empty": b"", "no PEM": b"key", "private key": None, "2 MB": b" " * (2 << 20)}


class Files:
    """The key files of one issuer; each write is a new file under the old name, as a careful administrator does it."""

    def __init__(self, home, name):
        self.path = home / name

    def replace(self, content, mode=0o644):
        beside = self.path.with_suffix(".new")
        if isinstance(content, bytes):
            beside.write_bytes(content)
        else:
            write_jwks(beside, *(key.jwk() for key in content))
        beside.chmod(mode)
        os.replace(beside, self.path)

    def rewrite(self, content):
        """In place, as a careless one does."""
        self.path.write_bytes(content)


@pytest.fixture(scope="module")
def keys():
    return [Key("ES256", kid=f"file-{number}") for number in range(4)]


@pytest.fixture(scope="module")
def home(work):
    made = work / "key-files"
    made.mkdir()
    return made


@pytest.fixture
def bench(make_httpd, home, keys, pki):
    """A server with a JWK Set file and PEM files; ends with the test."""
    place = Path(tempfile.mkdtemp(dir=home))
    place.chmod(0o755)
    jwks, pem, second = Files(place, "jwks.json"), Files(place, "key.pem"), Files(place, "second.pem")
    jwks.replace(keys[:1])
    pem.replace(keys[0].public_pem().encode())
    second.replace(keys[1].public_pem().encode())
    text = (issuer(JWKS, jwks.path) + issuer(PEM, None, f'MTLSOAuthPublicKeyFile "{pem.path}"')
            + issuer(BOTH, None, f'MTLSOAuthPublicKeyFile "{pem.path}" kid=one', f'MTLSOAuthPublicKeyFile "{second.path}" kid=two alg=ES256'))
    server = make_httpd("MTLSOAuthStateDir off\n" + STEADY + text, [Host(location("/api"))]).start()
    server.new_lines()
    yield Asker(server, pki), server, jwks, pem, second
    server.stop()


def test_new_children_have_the_new_keys(make_httpd, home, keys, pki):
    """A child that starts after a change never knows the keys of the start, not even when the file has been broken since."""
    file = Files(home, "children.json")
    file.replace(keys[:1])
    server = make_httpd("MTLSOAuthStateDir off\nMaxConnectionsPerChild 4\n" + STEADY + issuer(JWKS, file.path), [Host(location("/api"))]).start()
    try:
        asker = Asker(server, pki)
        admitted(asker.fresh(token(JWKS, keys[0])))
        file.replace(keys[1:2])
        eventually(lambda: admitted(asker.fresh(token(JWKS, keys[1]))))
        time.sleep(12)  # the parent, whose children begin with what it has, looks every ten seconds
        first = children(server)
        for _ in range(8):
            refused(asker.fresh(token(JWKS, keys[0])), "key_unknown")
            admitted(asker.fresh(token(JWKS, keys[1])))
        assert not first & children(server), "children did not change"
        file.replace(b"broken")
        time.sleep(2)
        answers = [(asker.fresh(token(JWKS, keys[0])).status, asker.fresh(token(JWKS, keys[1])).status) for _ in range(8)]
        assert {removed for removed, _ in answers} == {401} and {kept for _, kept in answers} == {200}, answers
    finally:
        server.stop()


def token(iss, key, kid=...):
    return mint(key if kid is ... else key.using("ES256", kid=kid), claims(iss))


def everywhere(check, times=10):
    for _ in range(times):
        check()


def test_jwks_file(bench, keys):
    """A new key set file: the added key is known, the removed one refused, the kept one never was."""
    asker, _, jwks, _, _ = bench
    admitted(asker.fresh(token(JWKS, keys[0])))
    refused(asker.fresh(token(JWKS, keys[1])), "key_unknown")
    jwks.replace(keys[:2])
    eventually(lambda: admitted(asker.fresh(token(JWKS, keys[1]))))
    admitted(asker.fresh(token(JWKS, keys[0])))
    jwks.replace(keys[1:3])
    eventually(lambda: refused(asker.fresh(token(JWKS, keys[0])), "key_unknown"))
    time.sleep(1.5)
    everywhere(lambda: refused(asker.fresh(token(JWKS, keys[0])), "key_unknown"))
    everywhere(lambda: admitted(asker.fresh(token(JWKS, keys[1]))))
    everywhere(lambda: admitted(asker.fresh(token(JWKS, keys[2]))))


def test_public_key_file(bench, keys, pki):
    """A new PEM key, or a certificate, takes the place of the old one; the other file's key stays."""
    asker, _, _, pem, _ = bench
    admitted(asker.fresh(token(PEM, keys[0], None)))
    pem.replace(keys[2].public_pem().encode())
    eventually(lambda: admitted(asker.fresh(token(PEM, keys[2], None))))
    eventually(lambda: refused(asker.fresh(token(PEM, keys[0], None)), "signature_invalid"))
    eventually(lambda: admitted(asker.fresh(token(BOTH, keys[2], "one"))))
    everywhere(lambda: admitted(asker.fresh(token(BOTH, keys[1], "two"))))
    pem.replace(pki.owner.pem.encode())
    eventually(lambda: admitted(asker.fresh(token(PEM, Key("ES256", private=pki.owner.key)))))


def test_written_in_place(bench, keys, home):
    """The same file with other bytes of the same length."""
    asker, _, jwks, _, _ = bench
    admitted(asker.fresh(token(JWKS, keys[0])))
    write_jwks(home / "next.json", keys[1].jwk())
    assert len((home / "next.json").read_bytes()) == len(jwks.path.read_bytes())
    jwks.rewrite((home / "next.json").read_bytes())
    eventually(lambda: admitted(asker.fresh(token(JWKS, keys[1]))))
    refused(asker.fresh(token(JWKS, keys[0])), "key_unknown")


class Broken:
    """What was seen of a file that was replaced by a broken one, and then by a good one."""

    def __init__(self, iss, files, content, kept, next_key):
        self.iss, self.files, self.content = iss, files, content
        self.kept, self.next_key = kept, next_key
        self.answers, self.lines = [], []


@pytest.fixture(scope="module")
def broken(launch, home, keys, pki):
    """All broken files at once, in one server: label -> what was seen."""
    with open(pki.owner.key_path, "rb") as file:
        private = file.read()
    seen, text = {}, ""
    for label, content in {**BROKEN, **{"PEM: " + label: content or private for label, content in BROKEN_PEM.items()}}.items():
        iss = f"https://broken-{len(seen)}.example.test"
        pem = label.startswith("PEM: ")
        files = Files(home, f"broken-{len(seen)}")
        files.replace(keys[0].public_pem().encode() if pem else keys[:1])
        kid = None if pem else ...
        seen[label] = Broken(iss, files, content, token(iss, keys[0], kid), token(iss, keys[1], kid))
        text += issuer(iss, None, f'MTLSOAuthPublicKeyFile "{files.path}"') if pem else issuer(iss, files.path)
    server = launch("MTLSOAuthStateDir off\n" + STEADY + text, [Host(location("/api"))])
    asker = Asker(server, pki)
    server.new_lines()
    for one in seen.values():
        one.files.replace(one.content)
    time.sleep(4)
    lines = server.new_lines()
    for label, one in seen.items():
        one.answers = [asker.fresh(one.kept) for _ in range(8)]
        one.lines = [line for line in lines if f"{one.files.path}:" in line]
        one.files.replace(keys[1].public_pem().encode() if label.startswith("PEM: ") else keys[1:2])
    return asker, seen


@pytest.mark.parametrize("label", [*BROKEN, *("PEM: " + label for label in BROKEN_PEM)])
def test_broken_file(broken, label):
    """The last good one keeps working, one error line a process tells, and a good file is taken up again."""
    asker, seen = broken
    one = seen[label]
    for answer in one.answers:
        admitted(answer)
    assert one.lines and all(":error]" in line for line in one.lines), one.lines
    processes = [re.search(r"\[pid (\d+)", line).group(1) for line in one.lines]
    assert len(processes) == len(set(processes)), one.lines
    assert not any("PRIVATE" in line for line in one.lines)
    eventually(lambda: admitted(asker.fresh(one.next_key)))
    eventually(lambda: refused(asker.fresh(one.kept), "key_unknown", "signature_invalid"))


@pytest.mark.parametrize("how", ["absent", "directory", "unreadable", "FIFO"])
def test_file_goes_away(bench, keys, how):
    """A file that is gone, or is none, changes nothing but the log."""
    if how == "unreadable" and os.geteuid() != 0:
        pytest.skip("needs root: whoever starts the server owns the file and can read it")
    asker, server, jwks, _, _ = bench
    if how == "unreadable":
        jwks.replace(keys[1:2], 0)
    else:
        jwks.path.unlink()
    if how == "directory":
        jwks.path.mkdir()
    if how == "FIFO":
        os.mkfifo(jwks.path)
    eventually(lambda: _told(server, str(jwks.path)))
    everywhere(lambda: admitted(asker.fresh(token(JWKS, keys[0]))))
    if how == "directory":
        jwks.path.rmdir()
    jwks.replace(keys[:2])
    eventually(lambda: admitted(asker.fresh(token(JWKS, keys[1]))))


def test_untouched_file_is_not_logged(bench, keys):
    """Nothing changes, nothing is told: a file's time stamp alone, or none of it."""
    asker, server, jwks, _, _ = bench
    os.utime(jwks.path)
    time.sleep(2)
    admitted(asker.fresh(token(JWKS, keys[0])))
    assert not [line for line in server.new_lines() if str(jwks.path) in line and (":error]" in line or ":warn]" in line)]


def _lines(server, name):
    return [line for line in server.new_lines() if name in line and ":error]" in line]


def _told(server, name):
    lines = _lines(server, name)
    assert lines
    return lines
