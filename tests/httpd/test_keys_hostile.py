"""Answers that are broken or hostile never replace a good key set and never bring in a key."""

import datetime
import gzip
import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support import environment
from support.authorization_server import private_jwk
from support.blocks import location
from support.encoding import encode
from support.expect import admitted
from support.fake_issuer import Answer, FakeIssuer, HANG, document, key_set
from support.key_life import Asker, children, eventually, outgoing, over, peak_memory, publishing, remote, unavailable
from support.keys import Key, unsigned
from support.pki import Certificate
from support.server import Host
from support.tokens import claims, mint

METADATA = "/.well-known/oauth-authorization-server/"


class Keys:
    """Of every issuer here: what it began with, what its hostile answer offers, what it publishes when all is well again."""

    def __init__(self):
        self.good = Key("ES256", kid="good")
        self.offered = Key("ES256", kid="offered")
        self.late = Key("ES256", kid="late")


def sets(keys):
    """label -> the hostile answer; each offers the key `offered` where it can."""
    offered = keys.offered.jwk()
    body = json.dumps({"keys": [offered]}).encode()
    many = [offered, *(keys.offered.jwk(kid=f"{number}") for number in range(9_999))]
    html = (("Content-Type", "text/html"),)
    huge = {"kty": "RSA", "kid": "offered", "n": unsigned((1 << 16391) | 1), "e": "AQAB"}
    return {
        **{f"redirect {status}": Answer(body, status, (("Location", "/offered"),)) for status in (301, 302, 303, 307, 308)},
        "300": Answer(body, 300), "304": Answer(b"", 304, ()), "204": Answer(b"", 204, ()), "401": Answer(body, 401), "403": Answer(body, 403),
        "404": Answer(body, 404), "500": Answer(body, 500), "503": Answer(body, 503, (("Retry-After", "1"),)),
        "html": Answer(b"<!DOCTYPE html><title>Maintenance</title>", headers=html),
        "empty": Answer(b""), "space": Answer(b" "), "object": Answer(b"{}"), "array": document([offered]), "key alone": document(offered),
        "keys an object": document({"keys": offered}), "keys null": document({"keys": None}),
        "no key": key_set(), "cut JSON": Answer(body[:-1]), "text behind": Answer(body + b"x"), "NUL behind": Answer(body + b"\0"),
        "keys twice": Answer(body[:-1] + b', "keys": []}'), "byte order mark": Answer(b"\xef\xbb\xbf" + body),
        "cut on the wire": Answer(body, cut=len(body) // 2), "nothing on the wire": Answer(body, cut=0),
        "no HTTP": Answer(raw=b"\x15\x03\x01\x00\x02\x02\x28"), "no answer": Answer(raw=b""), "head cut": Answer(raw=b"HTTP/1.1 200 OK\r\nConte"),
        "endless head": Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 2_000_000 + b"\r\n\r\n" + body),
        "length a lie": Answer(body, headers=(("Content-Length", str(len(body) + 10)),), cut=len(body)),
        "length 64 MB": Answer(body, headers=(("Content-Length", str(64 << 20)),), cut=len(body)),
        "64 MB": Answer(body, stream=64 << 20), "64 MB of nothing": Answer(b"", stream=64 << 20),
        "2 MB": Answer(body + b" " * (2 << 20)),
        "slow drip": Answer(body, drip=0.2), "hang": HANG, "late": Answer(body, delay=20),
        "gzip": Answer(gzip.compress(body), headers=(("Content-Encoding", "gzip"),)),
        "gzip bomb": Answer(gzip.compress(body + b" " * (64 << 20)), headers=(("Content-Encoding", "gzip"),)),
        "10,000 keys": key_set(*many), "1,001 keys": key_set(*many[:1001]),
        "oversized modulus": key_set(huge), "1 MB modulus": key_set({**huge, "n": "A" + "Q" * 1_000_000}),
        "small modulus": key_set(Key("RS256", kid="offered", private=rsa.generate_private_key(65537, 1024)).jwk()),
        "private key": key_set(private_jwk(keys.offered)), "private member": key_set({**offered, "d": ""}),
        "secret": key_set({"kty": "oct", "kid": "offered", "k": encode(b"thirty-two bytes of well-known secret")}),
        "off the curve": key_set(keys.offered.jwk(y=encode(bytes(31) + b"\1"))), "for encryption": key_set(keys.offered.jwk(use="enc")),
        "unknown type": key_set({"kty": "AKP", "kid": "offered", "alg": "ML-DSA-44", "pub": "AAAA"}),
        "too deep": Answer(b'{"keys": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "kid a number": key_set(keys.offered.jwk(kid=1)),
    }


LABELS = list(sets(Keys()))


def slug(label):
    return "".join(letter if letter.isalnum() else "-" for letter in label)


class Issuer:
    def __init__(self, fake, label):
        self.fake = fake
        self.label = label
        self.iss = f"https://{slug(label)}.hostile.example.test"
        self.path = f"/{slug(label)}/jwks"

    def block(self):
        return remote(self.iss, f'MTLSOAuthJWKSURI "{self.fake.url}{self.path}"')

    def token(self, key, **changes):
        return mint(key, claims(self.iss, **changes))


@pytest.fixture(scope="module")
def keys():
    return Keys()


@pytest.fixture(scope="module")
def fake(pki, keys):
    yield from publishing(pki, keys.offered, "/offered")


class Ran:
    """What was seen: before the hostile answers, under them, and after."""

    def __init__(self):
        self.first, self.offered, self.good, self.unheard, self.late = {}, {}, {}, {}, {}
        self.memory = self.seconds = 0


@pytest.fixture(scope="module")
def ran(launch, work, pki, keys, fake):
    """All rows go through the phases together: issuers that start hostile, and issuers that turn hostile."""
    turning = {label: Issuer(fake, label) for label in LABELS}
    starting = {label: Issuer(fake, "start " + label) for label in LABELS}
    hostile = sets(keys)
    for label in LABELS:
        fake.answer(turning[label].path, key_set(keys.good.jwk()))
        fake.answer(starting[label].path, hostile[label])
    server = launch(outgoing(pki, work / "hostile-state") + "".join(one.block() for one in [*turning.values(), *starting.values()]),
                    [Host(location("/api"))])
    asker, seen = Asker(server, pki), Ran()
    for one in turning.values():
        eventually(lambda one=one: admitted(asker.fresh(one.token(keys.good))))
    over()
    counts = {label: fake.count(one.path) for label, one in turning.items()}
    memory = max(peak_memory(pid) for pid in children(server))
    for label, one in turning.items():
        fake.answer(one.path, hostile[label])
    tokens = [one.token(keys.offered) for one in [*turning.values(), *starting.values()]]
    asker.at_once(tokens)
    for label, one in turning.items():
        fake.wait_for(one.path, counts[label] + 1)
    time.sleep(2.5)
    seen.offered = dict(zip([*((label, "turning") for label in LABELS), *((label, "starting") for label in LABELS)], asker.at_once(tokens)))
    begin = time.monotonic()
    seen.good = dict(zip(LABELS, asker.at_once([turning[label].token(keys.good, jti="after") for label in LABELS], 1)))
    seen.seconds = (time.monotonic() - begin) / len(LABELS)
    seen.first = dict(zip(LABELS, asker.at_once([starting[label].token(keys.good) for label in LABELS])))
    seen.memory = max(peak_memory(pid) for pid in children(server)) - memory
    for one in [*turning.values(), *starting.values()]:
        fake.answer(one.path, key_set(keys.late.jwk()))
    for kind, issuers in (("turning", turning), ("starting", starting)):
        for label, one in issuers.items():
            seen.late[label, kind] = (asker, one)
    return seen


@pytest.mark.parametrize("label", LABELS)
def test_good_set_stays(ran, label):
    """What was good before is good still; the other key is known by no answer of this kind."""
    admitted(ran.good[label])
    answer = ran.offered[label, "turning"]
    assert answer.refusal in ("keys_unavailable", "key_unknown"), answer
    if answer.refusal == "keys_unavailable":
        unavailable(answer)


@pytest.mark.parametrize("label", LABELS)
def test_no_first_set(ran, label):
    """An issuer that never said anything else has no keys: 503, and nothing it offered counts."""
    unavailable(ran.first[label])
    unavailable(ran.offered[label, "starting"])


@pytest.mark.parametrize("kind", ["turning", "starting"])
@pytest.mark.parametrize("label", LABELS)
def test_recovers(ran, keys, label, kind):
    """The same issuer with a good answer is heard within seconds."""
    asker, one = ran.late[label, kind]
    eventually(lambda: admitted(asker.fresh(one.token(keys.late))), 8)


def test_good_tokens_were_not_delayed(ran):
    assert ran.seconds < 0.2, ran.seconds


@pytest.mark.skipif(bool(environment.SANITIZERS), reason="a sanitizer's memory is not the module's")
def test_memory_is_capped(ran):
    """Answers of 64 MB, and gzip of as much, are not kept: dozens of sources together stay below one of them."""
    assert ran.memory < 64 * 1024, f"{ran.memory} KiB"


def test_nothing_followed_the_redirects(ran, fake):
    assert ran.good
    assert fake.count("/offered") == 0


def test_no_compression_is_asked_for(ran, fake):
    """So that a small answer cannot become a large one."""
    assert ran.good
    assert not [one for one in fake.asked() if "accept-encoding" in one.headers]


@pytest.fixture(scope="module")
def mixed(launch, work, pki, keys, fake):
    """Sets with bad keys among good ones: label -> the set that follows."""
    twin = Key("ES256", kid="late")
    bad = [keys.offered.jwk(y=encode(bytes(31) + b"\1")), private_jwk(keys.offered), {"kty": "oct", "k": "AAAA"}, 1, None, [], "key", {},
           {"kty": "RSA", "kid": "x", "n": unsigned((1 << 16391) | 1), "e": "AQAB"}, keys.offered.jwk(kid=["late"])]
    rows = {"bad among good": [*bad, keys.late.jwk(), *bad], "duplicate kid": [twin.jwk(), keys.late.jwk()],
            "same key twice": [keys.late.jwk(), keys.late.jwk()], "a thousand": [twin.jwk(kid=str(number)) for number in range(999)] + [keys.late.jwk()]}
    issuers = {label: Issuer(fake, "mixed " + label) for label in rows}
    for one in issuers.values():
        fake.answer(one.path, key_set(keys.good.jwk()))
    server = launch(outgoing(pki, work / "mixed-state") + "".join(one.block() for one in issuers.values()), [Host(location("/api"))])
    asker = Asker(server, pki)
    for one in issuers.values():
        eventually(lambda one=one: admitted(asker.fresh(one.token(keys.good))))
    over()
    for label, one in issuers.items():
        fake.answer(one.path, key_set(*rows[label]))
    return server, asker, issuers, twin


@pytest.mark.parametrize("label", ["bad among good", "duplicate kid", "same key twice", "a thousand"])
def test_good_keys_of_a_mixed_set(mixed, keys, label):
    """A bad key is skipped and the rest live: the set replaces the one before."""
    _, asker, issuers, _ = mixed
    one = issuers[label]
    eventually(lambda: admitted(asker.fresh(one.token(keys.late))))
    answer = asker.fresh(one.token(keys.offered))
    assert answer.refusal in ("keys_unavailable", "key_unknown"), answer
    eventually(lambda: _gone(asker.fresh(one.token(keys.good))))


def _gone(answer):
    assert answer.refusal == "key_unknown", answer


def test_both_keys_of_a_kid(mixed):
    _, asker, issuers, twin = mixed
    eventually(lambda: admitted(asker.fresh(issuers["duplicate kid"].token(twin))))


def test_bad_keys_are_logged_once(mixed):
    """Each skipped key is told once, not with every fetch."""
    server, asker, issuers, _ = mixed
    one = issuers["bad among good"]
    for number in range(3):
        over()
        asker.fresh(one.token(Key("ES256", kid=f"unheard-of-{number}")))
    told = [line for line in server.lines() if "offered" in line and "y=" not in line and "refused " not in line]
    per_process = len(children(server))
    assert told and len(told) <= 6 * per_process, told


@pytest.mark.parametrize("fault", ["expired", "not yet valid", "untrusted", "wrong name", "client certificate", "self-signed"])
def test_tls(launch, work, pki, keys, fault, certificates):
    """A certificate that does not prove the issuer's host: no request is even sent; with the right one all is well."""
    host = FakeIssuer(pki.server)
    try:
        one = Issuer(host, fault)
        host.answer(one.path, key_set(keys.good.jwk()))
        server = launch(outgoing(pki, work / f"tls-state-{slug(fault)}") + one.block(), [Host(location("/api"))])
        asker = Asker(server, pki)
        eventually(lambda: admitted(asker.fresh(one.token(keys.good))))
        over()
        host.answer(one.path, key_set(keys.offered.jwk()))
        before = host.count()
        host.use(certificates[fault])
        unavailable(asker.fresh(one.token(keys.offered)))
        admitted(asker.fresh(one.token(keys.good)))
        assert host.count() == before
        host.answer(one.path, key_set(keys.late.jwk()))
        host.use(pki.server)
        eventually(lambda: admitted(asker.fresh(one.token(keys.late))))
    finally:
        host.close()


@pytest.fixture(scope="module")
def certificates(work, pki):
    """label -> a certificate for the issuer's host that must not be believed."""
    now, day = datetime.datetime.utcnow(), datetime.timedelta(days=1)

    def make(label, name="localhost", first=now - day, last=now + day, usage=ExtendedKeyUsageOID.SERVER_AUTH, signer=pki.authority):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
                   .issuer_name(signer.certificate.subject if signer else subject)
                   .serial_number(x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
                   .add_extension(x509.ExtendedKeyUsage([usage]), critical=False))
        return Certificate(work, "issuer-" + label.replace(" ", "-"), builder.sign(signer.key if signer else key, hashes.SHA256()), key)

    return {"expired": make("expired", last=now - day / 24, first=now - 2 * day), "not yet valid": make("not yet valid", first=now + day / 2),
            "untrusted": make("untrusted", signer=pki.stranger), "wrong name": make("wrong name", name="other.example.test"),
            "client certificate": make("client certificate", usage=ExtendedKeyUsageOID.CLIENT_AUTH), "self-signed": make("self-signed", signer=None)}


def test_metadata_turns_hostile(launch, work, pki, keys, fake):
    """A document for another issuer, or one that leads elsewhere in clear text, does not take the good set away."""
    for label, change in {"other issuer": {"issuer": "https://other.example.test"}, "clear text": {"jwks_uri": "http://issuer.example.test/jwks"},
                          "nothing": None}.items():
        name = f"metadata-{slug(label)}"
        iss, path = f"{fake.url}/{name}", f"/{name}/jwks"
        right = {"issuer": iss, "jwks_uri": fake.url + path}
        fake.answer(METADATA + name, document(right))
        fake.answer(path, key_set(keys.good.jwk()))
        server = launch(outgoing(pki, work / f"state-{name}") + remote(iss), [Host(location("/api"))])
        asker = Asker(server, pki)

        def ask(key, iss=iss, asker=asker):
            return asker.fresh(mint(key, claims(iss)))
        eventually(lambda ask=ask: admitted(ask(keys.good)))
        over()
        wrong = {**right, **change, "jwks_uri": change.get("jwks_uri", fake.url + "/offered")} if change is not None else {}
        fake.answer(METADATA + name, document(wrong))
        unavailable(ask(keys.offered))
        admitted(ask(keys.good))
        assert fake.count("/offered") == 0
        fake.answer(METADATA + name, document(right))
        fake.answer(path, key_set(keys.late.jwk()))
        eventually(lambda ask=ask: admitted(ask(keys.late)))
        server.stop()
