"""keygen: keys of every algorithm that python's cryptography takes, kid, files and their modes."""

import json
import stat

import bench
import pytest
from bench import (ALGORITHMS, AUDIENCE, ISSUER, encode, fails, is_signed, jwk_thumbprint, load_private, load_public,
                   run, signature, verifies)

PRIVATE = {"RSA": {"d", "p", "q", "dp", "dq", "qi"}, "EC": {"d"}, "OKP": {"d"}}
PUBLIC = {"RSA": {"kty", "n", "e"}, "EC": {"kty", "crv", "x", "y"}, "OKP": {"kty", "crv", "x"}}
SAID = {"kid", "alg", "use"}


def generate(alg, *options):
    """The private JWK and the public set, both through standard output."""
    lines = run("keygen", "--alg", alg, "--public", "-", *options).out.splitlines()
    assert len(lines) == 2
    return json.loads(lines[0]), json.loads(lines[1])


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm(alg):
    private, public = generate(alg)
    key, kty = load_private(private), private["kty"]
    assert set(private) == PUBLIC[kty] | PRIVATE[kty] | SAID
    assert list(public) == ["keys"] and len(public["keys"]) == 1
    assert set(public["keys"][0]) == PUBLIC[kty] | SAID
    assert all(private[name] == value for name, value in public["keys"][0].items())
    assert (private["alg"], private["use"], private["kid"]) == (alg, "sig", jwk_thumbprint(private))
    kind = ALGORITHMS[alg][0]
    assert (kind == "rsa" and key.key_size == 2048) or kind == private.get("crv")
    assert is_signed(alg, load_public(public["keys"][0]), b"text", signature(alg, key, b"text"))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_keygen_mint_and_check_fit_together(alg, tmp_path, owner):
    private, public = tmp_path / "key.jwk", tmp_path / "jwks.json"
    assert run("keygen", "--alg", alg, "--out", private, "--public", public).out == ""
    text = run("mint", "--key", private, "--issuer", ISSUER, "--audience", AUDIENCE, "--subject", "reports", "--cert",
               owner.path).out.strip()
    assert verifies(text, alg, load_public(json.loads(public.read_text())["keys"][0]))
    run("check", "--issuer", ISSUER, "--jwks", public, "--audience", AUDIENCE, "--use-mutual-tls", "required",
        "--profile", "rfc9068", "--cert", owner.path, text)


def test_coordinates_keep_their_leading_zeros():
    """One key in 256 has one; the length of the members shows it (RFC 7518 section 6.2.1.2)."""
    for _ in range(40):
        private, _ = generate("ES512")
        assert {len(private[name]) for name in ("x", "y", "d")} == {len(encode(bytes(66)))}


def test_no_two_keys_are_alike():
    assert len({generate("ES256")[0]["d"] for _ in range(10)}) == 10


def test_standard_output_has_the_private_key_alone_by_default():
    lines = run("keygen", "--alg", "ES256").out.splitlines()
    assert len(lines) == 1 and "d" in json.loads(lines[0])


def test_kid():
    private, public = generate("Ed25519", "--kid", "2024/\u00fc \"x\"")
    assert private["kid"] == public["keys"][0]["kid"] == "2024/\u00fc \"x\""


@pytest.mark.parametrize("bits", [2048, 2056, 3072])
def test_bits(bits):
    assert load_private(generate("PS256", "--bits", str(bits))[0]).key_size == bits


def test_modes_of_the_files(tmp_path):
    private, public = tmp_path / "private", tmp_path / "public"
    old = bench.os.umask(0)
    try:
        outcome = run("keygen", "--alg", "ES256", "--out", private, "--public", public)
    finally:
        bench.os.umask(old)
    assert outcome.out == outcome.err == ""
    assert (stat.S_IMODE(private.stat().st_mode), stat.S_IMODE(public.stat().st_mode)) == (0o600, 0o644)
    assert "d" in json.loads(private.read_text())
    assert "d" not in json.loads(public.read_text())["keys"][0]


@pytest.mark.parametrize("existing", ["private", "public"])
def test_nothing_is_overwritten_and_no_half_is_left(tmp_path, existing):
    (tmp_path / existing).write_text("precious")
    fails("keygen", "--alg", "ES256", "--out", tmp_path / "private", "--public", tmp_path / "public",
          hint=f"{existing}: File exists")
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "precious"


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "private").symlink_to(tmp_path / "elsewhere")
    fails("keygen", "--alg", "ES256", "--out", tmp_path / "private", hint="File exists")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("options, hint", [
    (("--alg", "HS256"), "not one of the algorithms here"),
    (("--alg", "none"), "not one of the algorithms here"),
    (("--alg", "es256"), "not one of the algorithms here"),
    (("--alg", "ES256", "--bits", "2048"), "--bits is for RSA"),
    (("--alg", "RS256", "--bits", "2047"), "from 2048 to 16384"),
    (("--alg", "RS256", "--bits", "16385"), "from 2048 to 16384"),
    (("--alg", "RS256", "--bits", "4294969344"), "from 2048 to 16384"),
    (("--alg", "ES256", "--out", "/nonexistent/key"), "No such file"),
    (("--alg", "ES256", "--out", "/dev/null"), "File exists"),
])
def test_mistakes(options, hint):
    fails("keygen", *options, hint=hint)
