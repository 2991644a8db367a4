"""The frame of every verb: help, version, usage errors with exit code 2 and one line of hint."""

import subprocess

import bench
import pytest
from bench import fails, run

VERBS = ("check", "check-client", "inspect", "thumbprint", "verify-jws", "mint", "keygen")
MINT = ("mint", "--key", "k", "--issuer", "i", "--subject", "s")


def test_help_names_every_verb():
    listed = {line.split()[0] for line in run("--help").out.splitlines() if line.startswith("  ") and line.split()}
    assert set(VERBS) <= listed


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_help(verb):
    outcome = run(verb, "--help")
    assert outcome.out.startswith(f"usage: mtls-oauth {verb}")
    assert outcome.err == ""


@pytest.mark.parametrize("verb", VERBS)
def test_the_manual_page_has_each_option(verb):
    page = (bench.SOURCE / "docs" / "mtls-oauth.1").read_text().replace("\\-", "-")
    options = {line.split()[0] for line in run(verb, "--help").out.splitlines() if line.startswith("  --")}
    section = page.split(f'.SS "{verb}', 1)[1].split(".SS", 1)[0].split(".SH", 1)[0]
    assert {option for option in options if option not in section} == set()


def test_version():
    name, version = run("--version").out.split()
    assert name == "mtls-oauth" and version[0].isdigit()


def test_no_verb_is_a_usage_error():
    assert "usage:" in run(code=2).err


@pytest.mark.parametrize("arguments, hint", [
    (("frobnicate",), "unknown verb frobnicate"),
    (("-v",), "unknown verb -v"),
    *[((verb, "--frobnicate"), "unknown option --frobnicate") for verb in VERBS],
    *[((verb, "-x"), "unknown option -x") for verb in VERBS],
    (("check", "--iss", "i", "t"), "unknown option --iss;"),
    (("check", "--issuers", "i", "t"), "unknown option --issuers;"),
    (("check", "t"), "--issuer is missing"),
    (("check", "--issuer", "i", "t"), "--jwks is missing"),
    (("check", "--issuer"), "--issuer wants ISS"),
    (("check", "--issuer", "i", "--issuer=j", "t"), "--issuer is given twice"),
    (("check", "--issuer", "i", "--jwks", "f"), "TOKEN|- is missing"),
    (("check", "--issuer", "i", "--jwks", "f", "--binding-crl", "f", "t"), "--binding-crl without --binding-ca"),
    (("check-client", "--clients", "f"), "--client-id is missing"),
    (("check-client", "--client-id", "i"), "--clients is missing"),
    (("check-client", "--client-id", "i", "--clients", "f", "--crl", "f"), "--crl without --ca"),
    (("check-client", "--client-id", "i", "--clients", "f"), "f: No such file"),
    (("check-client", "--client-id", "i", "--clients", "f", "t"), "one argument too many"),
    (("inspect",), "TOKEN|- is missing"),
    (("inspect", "a", "b"), "one argument too many"),
    (("inspect", ""), "there is no token"),
    (("inspect", "-"), "there is no token"),
    (("thumbprint",), "FILE|- is missing"),
    (("verify-jws", "x"), "one argument too many"),
    ((*MINT,), "--audience is missing"),
    ((*MINT, "--audience", "a"), "k: No such file"),
    ((*MINT, "--audience", "a", "--lifetime", "-1"), "--lifetime SECONDS: \"-1\": not a whole number"),
    ((*MINT, "--audience", "a", "--lifetime", "5m"), "not a whole number"),
    ((*MINT, "--audience", "a", "--lifetime", "99999999999999999999999"), "not a whole number"),
    (("keygen",), "--alg is missing"),
])
def test_usage_errors(arguments, hint, tmp_path):
    fails(*arguments, hint=hint, cwd=tmp_path)


def test_a_control_character_is_not_echoed():
    assert "\x1b" not in fails("\x1b[2J", hint="unknown verb ?[2J").err


def test_two_dashes_end_the_options():
    fails("thumbprint", "--", "--no-such-file", hint="--no-such-file: No such file")


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("check", "--help"), ("inspect", "a.b.c"),
                                       ("keygen", "--alg", "ES256")], ids=" ".join)
def test_output_that_cannot_be_written_is_an_error(arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(bench.TOOL), *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert b"standard output cannot be written" in done.stderr
