"""Files that root reads at start and httpd's User cannot read again: told at start, each with what mends it; and no others."""

import grp
import os
import pwd
from pathlib import Path

import pytest

from support import environment
from support.blocks import issuer
from support.client_pki import certificate_jwk
from support.clients import named, section, write_json
from support.key_life import eventually
from support.keys import write_jwks
from support.server import parent_of, threads_of
from support.slow_files import WaitingHttpd

ACCOUNT = environment.server_account()

pytestmark = pytest.mark.skipif(ACCOUNT is None, reason="only root starts a server that gives up an account")

# file -> the directive that names it
DECIDES = {
    "denied.list": "MTLSOAuthDenyFile", "clients.json": "MTLSOAuthClientsFile", "own.pem": "MTLSOAuthClientCertificateFile",
    "own.jwks": "MTLSOAuthClientJWKSFile", "ca.pem": "MTLSOAuthClientCACertificateFile", "ca.crl": "MTLSOAuthClientCRLFile",
    "binding.pem": "MTLSOAuthBindingCACertificateFile", "binding.crl": "MTLSOAuthBindingCRLFile",
    "issuer.jwks": "MTLSOAuthJWKSFile", "issuer.pem": "MTLSOAuthPublicKeyFile",
    "keys-ca.pem": "MTLSOAuthOutgoingCACertificateFile", "asked-ca.pem": "MTLSOAuthOutgoingCACertificateFile",
}
# what root alone may read, and what goes with it
SECRET = ("ours.pem", "ours.key", "ours.secret", "cache.key")


def local(home):
    """A site that goes nowhere for its keys."""
    lines = [f'MTLSOAuth{kind} "{home}/{name}"' for kind, name in (
        ("PublicKeyFile", "issuer.pem"), ("BindingCACertificateFile", "binding.pem"), ("BindingCRLFile", "binding.crl"))]
    return (f'MTLSOAuthDenyFile "{home}/denied.list"\n' + issuer("https://a.example.test", f"{home}/issuer.jwks", *lines)
            + f'MTLSOAuthClientsFile "{home}/clients.json"\n' + f'MTLSOAuthClientCACertificateFile "{home}/ca.pem"\n'
            + f'MTLSOAuthClientCRLFile "{home}/ca.crl"\n' + section("one", f'MTLSOAuthClientCertificateFile "{home}/own.pem"')
            + section("two", f'MTLSOAuthClientJWKSFile "{home}/own.jwks"'))


def whole(home):
    """One with all files that there are."""
    return (local(home) + f'MTLSOAuthSharedCache shmcb\nMTLSOAuthSharedCacheKeyFile "{home}/cache.key"\n'
            + issuer("https://b.example.test", None, "MTLSOAuthRemoteUserSuffix @b",
                     f'MTLSOAuthOutgoingCACertificateFile "{home}/keys-ca.pem"', f'MTLSOAuthOutgoingCertificateFile "{home}/ours.pem"',
                     f'MTLSOAuthOutgoingKeyFile "{home}/ours.key"')
            + issuer("https://c.example.test", f"{home}/issuer.jwks", "MTLSOAuthRemoteUserSuffix @c", "MTLSOAuthIntrospectJWT on",
                     "MTLSOAuthIntrospectionURI https://c.example.test/ask", "MTLSOAuthIntrospectionClientID api",
                     f'MTLSOAuthIntrospectionClientSecretFile "{home}/ours.secret"',
                     f'MTLSOAuthOutgoingCACertificateFile "{home}/asked-ca.pem"'))


@pytest.fixture
def home(work, client_pki, pki, key, tmp_path_factory):
    """A directory with these files, which everybody can read but for the secrets."""
    home = work / tmp_path_factory.mktemp("readable").name
    home.mkdir()
    root, client = client_pki.root, client_pki.batch
    texts = {"denied.list": "sub:mallory\n", "own.pem": client.pem, "ca.pem": root.pem, "binding.pem": root.pem,
             "ca.crl": client_pki.crl(root), "binding.crl": client_pki.crl(root), "issuer.pem": key.public_pem(),
             "keys-ca.pem": root.pem, "asked-ca.pem": root.pem, "ours.pem": pki.owner.pem,
             "ours.key": Path(pki.owner.key_path).read_text(), "ours.secret": "secret\n", "cache.key": "k" * 43 + "\n"}
    for name, text in texts.items():
        (home / name).write_text(text)
    write_json(home / "clients.json", [named("three", "dns", "three.example.test")])
    write_jwks(home / "own.jwks", certificate_jwk(client))
    write_jwks(home / "issuer.jwks", key.jwk())
    for name in (*DECIDES, *SECRET):
        (home / name).chmod(0o600 if name in SECRET else 0o644)
    home.chmod(0o755)
    return home


def said_by(text):
    """The warnings, each in one line with what mends it: the log has it so, the dump has that in the next line."""
    lines = [line.strip() for line in text.splitlines()]
    return [line if "; " in line else f"{line}; {after}" for line, after in zip(lines, [*lines[1:], ""])
            if "cannot read it" in line or "not to be found out" in line]


@pytest.fixture
def told(make_httpd, home):
    """What the dump of the whole site warns of."""
    def run():
        code, said = make_httpd(whole(home)).configtest("DUMP_MTLS_OAUTH")
        assert code == 0 and "finished policies" in said, said
        return said_by(said)
    return run


@pytest.mark.parametrize("name", DECIDES)
def test_told(told, home, name):
    """Directive, file, account, reason and remedy, once."""
    (home / name).chmod(0o600)
    user, group = ACCOUNT
    lines = told()
    assert len(lines) == 1 and f"{DECIDES[name]} {home / name}: User {user} cannot read it (Permission denied)" in lines[0], lines
    assert f"; chgrp {group} '{home / name}' && chmod g+r '{home / name}', and" in lines[0], lines


def test_told_at_start(launch, home):
    """In the error log too, at start and at a reload, for as long as it is so."""
    for name in ("denied.list", "issuer.jwks"):
        (home / name).chmod(0o600)
    server = launch(local(home))
    assert sorted(line.split("] ")[-1].split(":")[0] for line in said_by("\n".join(server.new_lines()))) == [
        f"{DECIDES[name]} {home / name}" for name in ("denied.list", "issuer.jwks")]
    os.chmod(home / "denied.list", 0o644)
    server.reload()
    lines = said_by("\n".join(server.new_lines()))
    assert len(lines) == 1 and "issuer.jwks" in lines[0], lines


def test_all_is_well(told, home):
    """Nothing is said of files that the account can read, nor of secrets that it cannot."""
    assert told() == []


def test_group_may_read(told, home):
    """The group of the account counts, as it does for the processes that serve requests."""
    for name in DECIDES:
        os.chown(home / name, 0, grp.getgrnam(ACCOUNT[1]).gr_gid)
        (home / name).chmod(0o640)
    assert told() == []


def test_other_group_may_read(make_httpd, home):
    """So do the other groups that its user is in."""
    users = [(user, group) for group in grp.getgrall() for user in group.gr_mem if user_exists(user)]
    if not users:
        pytest.skip("no user of this machine is in a second group")
    user, group = users[0]
    os.chown(home / "denied.list", 0, group.gr_gid)
    (home / "denied.list").chmod(0o640)
    for account, wanted in ((user, 0), (ACCOUNT[0], 1)):
        _, said = make_httpd(local(home) + f"User {account}\n").configtest("DUMP_MTLS_OAUTH")
        assert len(said_by(said)) == wanted, said


def user_exists(name):
    return name in {entry.pw_name for entry in pwd.getpwall()}


def test_closed_directory(told, home):
    """A file that everybody could read, in a directory that they cannot enter."""
    home.chmod(0o700)
    assert sorted(line.split(": ")[1] for line in told()) == sorted(f"{DECIDES[name]} {home / name}" for name in DECIDES)


def test_chroot(make_httpd, home):
    """Under ChrootDir a path leads elsewhere later than at start."""
    _, said = make_httpd(local(home) + f'ChrootDir "{home}"\n').configtest("DUMP_MTLS_OAUTH")
    assert any("denied.list" in line and "(No such file or directory)" in line and "ChrootDir" in line for line in said_by(said)), said


def traces(server):
    """Descriptors of the server's first process, and children of it that have ended and are not yet gone."""
    first = int((server.directory / "httpd.pid").read_text())
    dead = [entry.name for entry in Path("/proc").glob("[0-9]*")
            if parent_of(entry) == first and (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"]
    return sorted(os.readlink(link).split(":")[0] for link in Path(f"/proc/{first}/fd").iterdir()), dead


def test_leaves_nothing(launch, home):
    """No descriptor and no process stays behind, however often the server is reloaded."""
    server = launch(local(home))
    server.reload()
    before = traces(server)
    server.reload()
    assert traces(server) == before and before[1] == []
    # httpd's word for a child that is not its own, and that others have left it to wait for
    assert not any("long lost child" in line for line in server.lines())


def all_serve(server):
    first = int((server.directory / "httpd.pid").read_text())
    assert all(threads_of(entry.name) > 1 for entry in Path("/proc").glob("[0-9]*") if parent_of(entry) == first)


def test_file_system_is_away(work, pki, home):
    """The start does not wait for a file that cannot be opened: it says so, and leaves no process behind."""
    directory = work / f"{home.name}-away"
    directory.mkdir()
    directory.chmod(0o755)
    (home / "issuer.jwks").rename(home / "issuer.slow")
    server = WaitingHttpd(directory, pki, local(home).replace("issuer.jwks", "issuer.slow"))
    server.take_away()
    server.start()
    try:
        lines = said_by("\n".join(server.lines()))
        assert len(lines) == 1 and f"MTLSOAuthJWKSFile {home}/issuer.slow" in lines[0] and "not to be found out" in lines[0], lines
        assert traces(server)[1] == []
        # one that hangs has no threads; those that serve requests have many soon after they began
        eventually(lambda: all_serve(server))
    finally:
        server.give_back()
        server.stop()
