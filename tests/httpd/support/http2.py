"""HTTP/2 by the curl command: several requests as parallel streams of one connection."""

import subprocess
from dataclasses import dataclass

from support.client import Answer


@dataclass
class Stream:
    """One request of a batch; a `body` makes it a POST, `sized` False leaves its length open (in a batch of one)."""

    path: str
    token: str = None
    headers: tuple = ()
    body: bytes = None
    sized: bool = True


def fetch(directory, authority, port, host, streams, certificate=None, tls="1.3"):
    """The answers in the order of `streams`, and how many connections curl opened for them."""
    words = ["curl", "--silent", "--show-error", "--no-progress-meter", "--parallel", "--parallel-max", "50"]
    for number, stream in enumerate(streams):
        words += ["--next"] if number else []
        words += ["--http2", f"--tlsv{tls}", "--tls-max", tls, "--cacert", authority, "--noproxy", "*",
                  "--resolve", f"{host}:{port}:127.0.0.1", "--max-time", "30",
                  "--output", f"{directory}/body.{number}", "--dump-header", f"{directory}/head.{number}",
                  "--write-out", "%{http_version} %{num_connects}\n"]
        if certificate:
            words += ["--cert", certificate.path, "--key", certificate.key_path]
        if stream.body is not None and stream.sized:
            with open(f"{directory}/form.{number}", "wb") as file:
                file.write(stream.body)
            words += ["--data-binary", f"@{directory}/form.{number}"]
        elif stream.body is not None:
            words += ["--request", "POST", "--upload-file", "-"]
        for name, value in (*stream.headers, *([("Authorization", f"Bearer {stream.token}")] if stream.token else [])):
            words += ["--header", f"{name}: {value}"]
        words.append(f"https://{host}:{port}{stream.path}")
    sent = next((stream.body for stream in streams if not stream.sized), b"")
    done = subprocess.run(words, input=sent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    told = [line.split() for line in done.stdout.decode().splitlines()]
    assert {version for version, _ in told} == {"2"}, done.stdout
    answers = [_answer(f"{directory}/head.{number}", f"{directory}/body.{number}") for number in range(len(streams))]
    return answers, sum(int(opened) for _, opened in told)


def _answer(head, body):
    with open(head, encoding="latin-1") as lines:
        status, *fields = lines.read().splitlines()
    headers = [tuple(field.split(": ", 1)) for field in fields if ": " in field]
    try:
        with open(body, "rb") as octets:
            content = octets.read()
    except FileNotFoundError:
        content = b""
    return Answer(int(status.split()[1]), headers, content)
