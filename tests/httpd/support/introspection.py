"""What the tests of introspection share: an issuer that knows tokens by name, blocks that ask it, and what an answer looks like."""

import json
import re
import time
import urllib.parse

from support.blocks import issuer
from support.fake_issuer import Answer, document
from support.tokens import AUDIENCE

ISS = "https://as.example.test"
ENDPOINT = "/introspect"
SECRET = "s3cr=t & m+re"


class Known:
    """The tokens of a FakeIssuer: name -> claims of its answer; any other is not active. Counts from when it is made."""

    def __init__(self, fake, path=ENDPOINT):
        self.tokens = {}
        self._fake = fake
        self._path = path
        self._before = fake.count(path)
        self.restore()

    def restore(self):
        """From here on it answers as it should."""
        self._fake.answer(self._path, self._answer)

    def fail(self, answer):
        """From here on it answers this, whatever it is asked."""
        self._fake.answer(self._path, answer)

    def add(self, name, **changes):
        """A token that is active; a value of Ellipsis leaves the claim out."""
        now = int(time.time())
        said = {"active": True, "sub": "alice", "client_id": "app", "scope": "read", "aud": AUDIENCE, "iat": now, "exp": now + 600, **changes}
        self.tokens[name] = {member: value for member, value in said.items() if value is not ...}
        return name

    def revoke(self, name):
        del self.tokens[name]

    def asked(self, name=None):
        """The forms that came, of one token or all."""
        forms = [form_of(one) for one in self._fake.asked(self._path)[self._before:]]
        return [form for form in forms if name is None or form["token"] == name]

    def count(self, name=None):
        return len(self.asked(name))

    def _answer(self, request):
        name = form_of(request)["token"]
        return document(self.tokens.get(name, {"active": False}))


def form_of(request):
    """The parameters of a form; each may be there once."""
    pairs = urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


def raw(body, **settings):
    return Answer(body if isinstance(body, bytes) else json.dumps(body).encode(), **settings)


def asking(fake, jwks, secret, *lines, cache=None, name="", iss=ISS, audience=AUDIENCE, path=ENDPOINT):
    """A block that asks this issuer, as client rs with a secret."""
    said = [f'MTLSOAuthIntrospectionURI "{fake.url}{path}"', "MTLSOAuthIntrospectionClientID rs",
            f'MTLSOAuthIntrospectionClientSecretFile "{secret}"', *lines]
    if cache:
        said.append(f"MTLSOAuthIntrospectionCache {cache}")
    return issuer(iss, jwks, *said, name=name, audience=audience)


def pauses(server, words, begin):
    """For how many seconds somebody who fails is left alone, each time that the log says so in these words. Each pause is twice
    as long as the one before, which was over by then; `begin` is when the failures began."""
    found = [int(seconds) for seconds in re.findall(rf"{words} (\d+) s", "\n".join(server.lines()))]
    assert found == [1, 2, 4, 8, 16][:len(found)], found
    assert sum(found[:-1]) <= time.monotonic() - begin, found
    return found


def unavailable(answer):
    """The issuer could not be asked: 503, Retry-After in seconds, nothing about the token."""
    assert (answer.status, answer.refusal) == (503, "introspection_unavailable"), answer
    assert (answer.header("Retry-After") or "").isdigit() and int(answer.header("Retry-After")) > 0, answer.headers
    assert answer.challenge is None and not answer.user and not answer.binding, answer
    assert b"the secret" not in answer.body
