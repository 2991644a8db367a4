"""mod_cache in front: warm as one user, read as another and as nobody."""

import pytest

from support.blocks import issuer, location
from support.server import Host
from support.tokens import claims, mint

ISSUER = "https://cache.example.test"
MODULES = ["cache", "cache_socache"]

# what a back end may say of an answer that is for one user
LIFE = {"plain": None, "max-age": "max-age=60", "expires": "max-age=60, no-transform"}

PLACES = {"header": "", "off": "MTLSOAuthForwardToken off", "cookie": "MTLSOAuthTokenSource cookie:at",
          "cookie-off": "MTLSOAuthTokenSource cookie:at\nMTLSOAuthForwardToken off"}


@pytest.fixture(scope="module", params=["on", "off"], ids=["quick handler", "ordinary handler"])
def server(launch, jwks, request):
    """A cache before a back end that says whose answer it gives, and how long that lives."""
    lives = "".join(f'<Location "/{life}">\nHeader set Cache-Control "{value}"\n</Location>\n'
                    for life, value in LIFE.items() if value)
    back = launch(hosts=[Host(lives + 'Header set X-Answer "expr=%{HTTP:X-User} %{TIME_SEC} %{REQUEST_URI}"\n'
                              'FileETag None\nAliasMatch "." "{root}/public.txt"\n', tls=False)])
    text = (issuer(ISSUER, jwks) + f"CacheQuickHandler {request.param}\nCacheSocache shmcb:cache(512000)\n"
            + 'CacheEnable socache "/"\nCacheHeader on\n'
            + "".join(location(f"/{place}", "MTLSOAuthClaimHeader X-User sub", line) + f'<Location "/{place}">\n'
                      f'ProxyPass "http://127.0.0.1:{back.plain_port}/"\n</Location>\n'
                      for place, line in PLACES.items())
            + '<Location "/open">\n'
              f'ProxyPass "http://127.0.0.1:{back.plain_port}/"\n</Location>\n')
    return launch(hosts=[Host(text)], more=MODULES)


@pytest.fixture
def ask(server, connect, key):
    def send(place, path, user):
        token = mint(key, claims(ISSUER, sub=user)) if user else None
        cookie = place.startswith("cookie") and token
        answer = connect(server).request(f"/{place}/{path}", None if cookie else token,
                                         headers=[("Cookie", f"at={token}")] if cookie else [])
        return answer, (answer.header("X-Answer") or "").split(" ")[0], (answer.header("X-Cache") or "").split(" ")[0]
    return send


def test_the_cache_is_at_work(ask):
    """Else the rest would prove nothing: an open page is answered from it."""
    assert ask("open", "max-age/x", None)[2] != "HIT"
    assert ask("open", "max-age/x", None)[2] == "HIT"


@pytest.mark.parametrize("life", LIFE)
@pytest.mark.parametrize("place", PLACES)
def test_nobody_gets_the_answer_of_another(ask, place, life):
    """alice warms it twice; then bob gets his own and nobody gets none."""
    path = f"{life}/x"
    for _ in range(2):
        answer, user, _ = ask(place, path, "alice")
        assert (answer.status, user) == (200, "alice")
    answer, user, hit = ask(place, path, "bob")
    assert (answer.status, user) == (200, "bob") and hit != "HIT"
    answer, user, _ = ask(place, path, None)
    assert (answer.status, user) == (401, "") and b"for everyone" not in answer.body


def test_answer_without_a_token_says_so(ask):
    """Whoever caches further out is told as well."""
    for place in ("off", "cookie", "cookie-off"):
        answer, _, hit = ask(place, "max-age/y", "alice")
        assert "private" in answer.header("Cache-Control") and hit != "HIT", place
    assert "private" not in (ask("header", "max-age/y", "alice")[0].header("Cache-Control") or "")
