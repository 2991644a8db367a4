"""Finding an issuer's keys through its metadata: RFC 8414, the OpenID form, a named document, AD FS (DESIGN section 7)."""

import pytest

from support.expect import admitted
from support.fake_issuer import Answer, FakeIssuer, HANG, NOT_FOUND, document, key_set
from support.key_life import Asker, eventually, outgoing, remote, unavailable
from support.blocks import location
from support.server import Host
from support.tokens import claims, mint

WELL_KNOWN = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
NAMED = "https://named.example.test"
GONE = Answer(b"{}", 410)


def metadata(one, /, **members):
    """A metadata document; members of Ellipsis are left out."""
    said = {"issuer": one.iss, "jwks_uri": one.jwks_uri, **members}
    return document({name: value for name, value in said.items() if value is not ...})


class Issuer:
    """One row: its ISS, where its documents are, and what the fake answers there."""

    def __init__(self, fake, label, iss=None):
        self.fake = fake
        self.label = label
        self.iss = iss or f"{fake.url}/{label}"
        self.jwks_path = f"/{label}/jwks"
        self.jwks_uri = fake.url + self.jwks_path
        self.rfc8414 = f"{WELL_KNOWN}/{label.rstrip('/')}"
        self.openid = f"/{label.rstrip('/')}{OPENID}"

    def publish(self, path, key):
        """Right metadata there, and the keys."""
        self.fake.answer(path, metadata(self))
        self.fake.answer(self.jwks_path, key_set(key.jwk()))


# label -> what the RFC 8414 place and the OpenID place answer (None: the right document), and which places are asked
FOUND = {
    "tenant": (None, HANG, "8414"),
    "deep/er/path": (None, HANG, "8414"),
    "slash/": (None, HANG, "8414"),
    "openid-404": (NOT_FOUND, None, "8414 openid"),
    "openid-410": (GONE, None, "8414 openid"),
    "openid-slash/": (NOT_FOUND, None, "8414 openid"),
}

# label -> the document at the RFC 8414 place; the OpenID place has a right one and must not help
NO_METADATA = {
    "500": lambda one: Answer(b"{}", 500), "403": lambda one: Answer(b"{}", 403), "401": lambda one: Answer(b"{}", 401),
    "503": lambda one: Answer(b"", 503), "204": lambda one: Answer(b"", 204),
    "html": lambda one: Answer(b"<html>welcome</html>", headers=(("Content-Type", "text/html"),)),
    "302": lambda one: Answer(b"", 302, (("Location", one.fake.url + one.openid),)),
    "307": lambda one: Answer(b"", 307, (("Location", one.openid),)),
    "array": lambda one: document([{"issuer": one.iss, "jwks_uri": one.jwks_uri}]),
    "cut": lambda one: Answer(metadata(one).body[:-1]),
    "cut on the wire": lambda one: Answer(metadata(one).body, cut=20),
    "too large": lambda one: metadata(one, filler="x" * 2_000_000),
    "member twice": lambda one: Answer(metadata(one).body[:-1] + b', "issuer": "%s"}' % one.iss.encode()),
    "other issuer": lambda one: metadata(one, issuer=one.fake.url + "/another"),
    "issuer with a slash": lambda one: metadata(one, issuer=one.iss + "/"),
    "issuer in capitals": lambda one: metadata(one, issuer=one.iss.replace("localhost", "LOCALHOST")),
    "issuer of the host": lambda one: metadata(one, issuer=one.fake.url),
    "no issuer": lambda one: metadata(one, issuer=...),
    "issuer null": lambda one: metadata(one, issuer=None),
    "issuer in a list": lambda one: metadata(one, issuer=[one.iss]),
    "no jwks_uri": lambda one: metadata(one, jwks_uri=...),
    "jwks_uri a number": lambda one: metadata(one, jwks_uri=1),
    "jwks_uri empty": lambda one: metadata(one, jwks_uri=""),
    "jwks_uri relative": lambda one: metadata(one, jwks_uri=one.jwks_path),
    "jwks_uri http": lambda one: metadata(one, jwks_uri=one.jwks_uri.replace("https:", "http:")),
    "jwks_uri file": lambda one: metadata(one, jwks_uri="file:///etc/passwd"),
    "jwks_uri ftp": lambda one: metadata(one, jwks_uri=one.jwks_uri.replace("https:", "ftp:")),
    "jwks_uri with a user": lambda one: metadata(one, jwks_uri=one.jwks_uri.replace("//", "//user:secret@")),
}


def tidy(label):
    return label.replace(" ", "-")


@pytest.fixture(scope="module")
def fakes(pki):
    made = [FakeIssuer(pki.server), FakeIssuer(pki.server)]
    yield made
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def found(fakes, key):
    """Issuers whose keys can be had, as they are."""
    issuers = {}
    for label, (rfc8414, openid, _) in FOUND.items():
        one = issuers[label] = Issuer(fakes[0], label)
        for path, answer in ((one.rfc8414, rfc8414), (one.openid, openid)):
            if answer:
                fakes[0].answer(path, answer)
            else:
                one.publish(path, key)
    root = issuers["no path"] = Issuer(fakes[1], "root", fakes[1].url)
    root.rfc8414, root.openid = WELL_KNOWN, OPENID
    root.publish(WELL_KNOWN, key)
    return issuers


@pytest.fixture(scope="module")
def named(fakes, key):
    """Issuers whose metadata a line names: label -> (issuer, where that is)."""
    fake = fakes[0]
    rows = {"named": (NAMED, {}), "ad fs": ("http://adfs.example.test/adfs/services/trust", {"issuer": "https://adfs.example.test/adfs"}),
            "aliases": (NAMED + "/aliases", {"introspection_endpoint": fake.url + "/introspect",
                                             "mtls_endpoint_aliases": {"introspection_endpoint": fake.url + "/mtls"}})}
    issuers = {}
    for label, (iss, members) in rows.items():
        one = Issuer(fake, tidy(label), iss)
        path = f"/{tidy(label)}/document.json?tenant=1"
        if label == "ad fs":
            members["access_token_issuer"] = iss
        fake.answer(path, metadata(one, **members))
        fake.answer(one.jwks_path, key_set(key.jwk()))
        issuers[label] = (one, path)
    return issuers


@pytest.fixture(scope="module")
def lost(fakes):
    """Issuers whose metadata ends every attempt."""
    issuers = {}
    for label, broken in NO_METADATA.items():
        one = issuers[label] = Issuer(fakes[0], tidy(label))
        one.fake.answer(one.rfc8414, broken(one))
    return issuers


@pytest.fixture(scope="module")
def lost_named(fakes):
    """AD FS documents that do not speak of ISS."""
    issuers = {}
    for label, members in {
            "neither": {"issuer": "https://a.example.test", "access_token_issuer": "https://b.example.test"},
            "access token issuer a list": {"issuer": "https://a.example.test", "access_token_issuer": [NAMED + "/list"]},
            "issuer alone": {"issuer": "https://a.example.test"}}.items():
        one = issuers[label] = Issuer(fakes[0], tidy(label), f"{NAMED}/{tidy(label)}")
        one.fake.answer(f"/{one.label}/document", metadata(one, **members))
    return issuers


@pytest.fixture(scope="module")
def server(launch, work, pki, key, found, named, lost, lost_named):
    blocks = [remote(one.iss) for one in [*found.values(), *lost.values()]]
    blocks += [remote(one.iss, f'MTLSOAuthMetadataURI "{one.fake.url}{path}"') for one, path in named.values()]
    blocks += [remote(one.iss, f'MTLSOAuthMetadataURI "{one.fake.url}/{one.label}/document"') for one in lost_named.values()]
    for one in [*lost.values(), *lost_named.values()]:
        one.publish(one.openid, key)
    return launch(outgoing(pki, work / "discovery-state") + "".join(blocks), [Host(location("/api"))])


@pytest.fixture(scope="module")
def asker(server, pki):
    return Asker(server, pki)


@pytest.fixture(scope="module")
def first_answers(asker, key, lost, lost_named):
    """What tokens of the lost issuers get, asked side by side since each may wait."""
    issuers = {**lost, **lost_named}
    for one in issuers.values():
        path = one.rfc8414 if one in lost.values() else f"/{one.label}/document"
        one.fake.wait_for(path)
    answers = asker.at_once([mint(key, claims(one.iss)) for one in issuers.values()])
    return dict(zip(issuers, answers))


@pytest.mark.parametrize("label", [*FOUND, "no path"])
def test_found(asker, key, found, label):
    """The well-known part stands before the issuer's path (RFC 8414 section 3.1); the OpenID form is for 404 and 410."""
    one = found[label]
    eventually(lambda: admitted(asker.fresh(mint(key, claims(one.iss)))))
    places = FOUND[label][2] if label in FOUND else "8414"
    asked = (one.fake.count(one.rfc8414) > 0, one.fake.count(one.openid) > 0)
    assert asked == (True, "openid" in places)


@pytest.mark.parametrize("label", ["named", "ad fs", "aliases"])
def test_named_document(asker, key, named, label):
    """MTLSOAuthMetadataURI is the document itself; AD FS tells the iss of its tokens in access_token_issuer."""
    one, path = named[label]
    eventually(lambda: admitted(asker.fresh(mint(key, claims(one.iss)))))
    assert one.fake.count(path) > 0
    assert one.fake.count(one.rfc8414) == one.fake.count(one.openid) == 0


@pytest.mark.parametrize("label", NO_METADATA)
def test_no_metadata(first_answers, lost, label):
    """Anything but a right document ends the attempt: no other place is tried, no key fetched, the answer 503."""
    one = lost[label]
    unavailable(first_answers[label])
    assert one.fake.count(one.openid) == 0
    assert one.fake.count(one.jwks_path) == 0


@pytest.mark.parametrize("label", ["neither", "access token issuer a list", "issuer alone"])
def test_named_document_of_another(first_answers, lost_named, label):
    unavailable(first_answers[label])
    assert lost_named[label].fake.count(lost_named[label].jwks_path) == 0


def test_recovery(first_answers, asker, key, lost, lost_named):
    """The same issuers are found as soon as they answer as they should: nothing but the document was wrong."""
    assert first_answers
    for one in lost.values():
        one.publish(one.rfc8414, key)
    for one in lost_named.values():
        one.publish(f"/{one.label}/document", key)
    for label, one in {**lost, **lost_named}.items():
        answer = eventually(lambda one=one: _answered(asker.fresh(mint(key, claims(one.iss)))), 8)
        assert answer.status == 200, (label, answer)


def _answered(answer):
    assert answer.status == 200, answer
    return answer


def test_redirect_targets_were_not_asked(server, fakes):
    """A redirect is not followed, whatever it points to."""
    assert server
    assert fakes[0].count(Issuer(fakes[0], "302").openid) == 0
    assert fakes[0].count(Issuer(fakes[0], "307").openid) == 0


def test_requests_bring_nothing(server, fakes):
    """A fetch is a GET without credentials, cookies or a body."""
    assert server
    for request in fakes[0].asked() + fakes[1].asked():
        assert request.method == "GET", request
        assert not {"authorization", "cookie", "referer", "content-length", "transfer-encoding"} & set(request.headers), request
