"""The status page in a browser: wide and narrow, light and dark, with scripts and without; it keeps itself up to date.
MTO_PICTURES names a directory for screenshots of it."""

import os
from pathlib import Path

import pytest

from support import browser, operator
from support.operator import Traffic

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))

# the contrast that WCAG 2 asks for (AA): luminance of each text against what is behind it
CONTRAST = """
(() => {
    const parse = c => (c.match(/[\\d.]+/g) || []).map(Number), channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4,
        light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]),
        behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c } return [255, 255, 255] },
        seen = [...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length);
    return Math.min(...seen.map(e => { const a = light(parse(getComputedStyle(e).color)), b = light(behind(e)); return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) }))
})()"""


@pytest.fixture(scope="module")
def server(launch, jwks):
    return launch(hosts=operator.hosts(jwks))


@pytest.fixture(scope="module")
def traffic(server, key, pki):
    """A server that has seen all sorts of requests."""
    traffic = Traffic(server, key, pki)
    traffic.of_all_sorts("a-client-with-an-identifier-that-is-very-long-and-has-no-place-to-break-at-all", operator.HOSTILE)
    return traffic


@pytest.fixture(scope="module")
def page(server, traffic, work):
    """The page in a browser."""
    opened = browser.Browser(work / "browser")
    opened.open(f"https://localhost:{server.port}/status")
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 768, 360])
def test_fits(page, width, scheme):
    """Nothing is wider than the window, every text can be read against what is behind it."""
    page.look(width, scheme=scheme)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).length") == 0
    assert page.value(CONTRAST) >= 4.5
    dark = page.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 100")
    assert dark == (scheme == "dark")
    if os.environ.get("MTO_PICTURES"):
        Path(os.environ["MTO_PICTURES"], f"status-{width}-{scheme}.png").write_bytes(page.picture())


def test_nobody_complains(page):
    """The page breaks no rule of its own security policy, and no script of a client_id has run."""
    assert page.complaints == []
    assert page.value("document.querySelectorAll('script').length") == 1
    assert page.value("document.getElementById('live').textContent.includes('<script>alert(1)')")


def test_keeps_itself_up_to_date(page, traffic):
    """The numbers change without a new page; what was opened stays open; paused they stay."""
    page.value("window.mark = 1; document.getElementById('code-token_expired').open = true")
    before = page.value("document.querySelector('.tile b').textContent")
    traffic.admitted(bound=True)
    page.until(f"document.querySelector('.tile b').textContent !== {before!r}")
    assert page.value("window.mark") == 1
    assert page.value("document.getElementById('code-token_expired').open")
    assert page.value("document.getElementById('said').textContent").startswith("updated")
    page.value("document.getElementById('toggle').click()")
    assert page.value("document.getElementById('toggle').textContent") == "Resume"
    assert page.complaints == []


def test_without_scripts(page, server):
    """All of it is there, and a link has the browser read it again."""
    page.scripts(allowed=False)
    page.call("Page.navigate", url=f"https://localhost:{server.port}/status?plain")
    page.until("location.search === '?plain' && document.readyState === 'complete'")
    assert page.value("document.querySelectorAll('.card').length") > 8
    assert page.value("document.getElementById('toggle').hidden")
    assert page.value("document.querySelector('noscript a') !== null")
    page.scripts(allowed=True)
