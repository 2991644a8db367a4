"""The documents against the module: every directive and variable is described, every configuration shown is right."""

import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "httpd"))

from support import environment, sanitizer  # noqa: E402  the line above is how it is found
from support.client_pki import SUBJECT, ClientPki, certificate_jwk  # noqa: E402
from support.clients import named, write_json  # noqa: E402
from support.keys import Key, write_jwks  # noqa: E402
from support.pki import Pki  # noqa: E402
from support.server import Host, Httpd  # noqa: E402

DIRECTIVES = environment.SOURCE / "docs" / "directives.md"
REFUSALS = environment.SOURCE / "docs" / "refusals.md"
SECURITY = environment.SOURCE / "docs" / "security.md"
TROUBLESHOOTING = environment.SOURCE / "docs" / "troubleshooting.md"
SAMPLE = environment.SOURCE / "httpd.conf.sample"
PACKAGED = environment.SOURCE / "debian" / "auth_mtls_oauth.conf"
ANSWER = environment.SOURCE / "src" / "httpd" / "answer.c"
READMES = sorted(environment.SOURCE.glob("README*"))
PAGES = sorted((environment.SOURCE / "docs").glob("*.md")) + READMES

# what a page about a use case tells
USE_CASE = ["When", "Configuration", "What the issuer must be told", "Try it", "What goes wrong"]

PARTS = ["Syntax", "Context", "Default", "Meaning", "Example", "Source"]

# where `httpd -L` says that a directive may stand -> words that its Context must have, and must not have
CONTEXTS = {"outside": ([], [".htaccess"]), "inside": ([".htaccess"], ["server config", "<MTLSOAuthIssuer>"]),
            "anywhere and in": ([".htaccess", "<MTLSOAuthIssuer>"], []),
            "anywhere": (["server config", "Location"], [".htaccess", "<MTLSOAuthIssuer>"])}

# complete blocks, for defaults, with keys from a file and fetched ones; their directives have none
MINIMAL = ("<MTLSOAuthIssuer urn:docs>\nMTLSOAuthAudience any\nMTLSOAuthJWKSFile conf/issuer.jwks\n"
           "</MTLSOAuthIssuer>\n"
           "<MTLSOAuthIssuer https://docs.example.com>\nMTLSOAuthAudience any\n</MTLSOAuthIssuer>\n")
WITHOUT_DEFAULT = {"MTLSOAuthAudience", "MTLSOAuthJWKSFile", "MTLSOAuthRemoteUserSuffix"}
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}

# A configuration stands in a virtual host with TLS, unless it is that of a server, which these show, or says in its first line
# where it stands: "# Context: server config", or "# Context: inside <MTLSOAuthIssuer ISS>" and the like for any section.
WHOLE = r"^\s*(<VirtualHost|LoadModule)\b"
CONTEXT = r"# Context: (.*)\n"
SHOWN = r"^\s*(<?MTLSOAuth|<VirtualHost|<Location|LoadModule|SSL)\w*[ >]"


def read(path):
    return path.read_text() if path.exists() else ""


def headed():
    """[(directive, text)] of the sections about directives; those that are sections go by their names without brackets."""
    texts = re.split(r"^## ", read(DIRECTIVES), flags=re.M)
    found = (re.match(r"`<?(MTLSOAuth\w+)>?`\n(.*)", text, flags=re.S) for text in texts)
    return [(match[1], match[2]) for match in found if match]


def sections():
    """The same as {directive: text}."""
    return dict(headed())


def parts(text):
    """[(name, text)] of a section, in its order."""
    found = re.split(r"^\*\*(\w+):\*\*", text, flags=re.M)
    return list(zip(found[1::2], found[2::2]))


def fences(text):
    """(line, language, content) of every fenced block."""
    opened = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"\s*```(.*)", line)
        if fence and opened:
            yield opened[0], opened[1], textwrap.dedent("\n".join(opened[2])) + "\n"
            opened = None
        elif fence:
            opened = (number, fence[1].strip(), [])
        elif opened:
            opened[2].append(line)


def indented(text):
    """(line before it, content) of every indented block with a directive in it: a README in plain text has no fences."""
    for block in re.finditer(r"(?:^(?: {4,}.*)?\n)+", text, flags=re.M):
        if re.search(SHOWN, block[0], flags=re.M):
            yield text.count("\n", 0, block.start()), textwrap.dedent(block[0])


@dataclass
class Example:
    """A configuration that a document shows; `line` is the one before its first."""

    page: str
    line: int
    text: str

    def numbered(self):
        """The text, each line where it is in its document: what httpd says of a line is true of that."""
        return "\n" * self.line + self.text


def examples():
    """Every configuration that the documents show."""
    for path in PAGES:
        text = read(path)
        for line, language, content in fences(text):
            if language == "apache":
                yield Example(path.name, line, content)
        for line, content in indented(text) if path in READMES else ():
            yield Example(path.name, line, content)
    for path in (SAMPLE, PACKAGED):
        if path.exists():
            yield Example(path.name, 0, read(path))


def pytest_generate_tests(metafunc):
    """One case for each configuration and each section that is there now."""
    if "example" in metafunc.fixturenames:
        shown = list(examples())
        metafunc.parametrize("example", shown, ids=[f"{one.page}:{one.line}" for one in shown])
    if "directive" in metafunc.fixturenames:
        metafunc.parametrize("directive", sorted(sections()))


@pytest.fixture(scope="module")
def home():
    """A ServerRoot with the files that the documents name."""
    directory = Path(tempfile.mkdtemp(prefix="mto-docs-"))
    directory.chmod(0o755)
    conf = directory / "conf"
    conf.mkdir()
    pki, key = Pki(directory), Key("ES256", kid="k1")
    write_jwks(conf / "issuer.jwks", key.jwk(alg="ES256"))
    (conf / "issuer.pem").write_text(key.public_pem())
    shutil.copy(pki.server.path, conf / "server.crt")
    shutil.copy(pki.server.key_path, conf / "server.key")
    shutil.copy(pki.authority.path, conf / "issuer-ca.pem")
    shutil.copy(pki.owner.path, conf / "client.crt")
    shutil.copy(pki.owner.key_path, conf / "client.key")
    write_client_files(conf, directory)
    (conf / "denied.list").write_text("jti:one\n")
    for name, text in {"introspection.secret": "secret", "cache.keys": "k" * 44}.items():
        (conf / name).write_text(text + "\n")
        (conf / name).chmod(0o640)
    modules = directory / "modules"
    modules.mkdir()
    for path in {path.name: path for path in [*environment.MODULES_DIR.glob("*.so"), environment.MODULE]}.values():
        (modules / path.name).symlink_to(path)
    yield directory, pki
    if not environment.KEEP:
        shutil.rmtree(directory)


def write_client_files(conf, directory):
    """What the documents name for OAuth clients."""
    work = directory / "clients"
    work.mkdir()
    pki = ClientPki(work)
    write_json(conf / "clients.json", [named("reports", "dn", SUBJECT)])
    write_jwks(conf / "client.jwks", certificate_jwk(pki.batch, kid="tls-2024"))
    shutil.copy(pki.ca_file, conf / "client-ca.pem")
    shutil.copy(pki.foreign_root.path, conf / "partner-ca.pem")
    (conf / "client-ca.crl").write_text(pki.crl(pki.root) + pki.crl(pki.issuing))


@pytest.fixture
def configure(home):
    """Makes an httpd, not started, with this example where it stands."""
    directory, pki = home

    def make(example):
        place = Path(tempfile.mkdtemp(dir=directory))
        place.chmod(0o755)  # for httpd's User
        (place / "logs").mkdir()
        for name in ("conf", "modules"):
            (place / name).symlink_to(directory / name)
        page = place / example.page
        page.write_text(example.numbered())
        whole, text = in_context(example, f'Include "{page}"\n')
        return Httpd(place, pki, main=text) if whole else Httpd(place, pki, hosts=[Host(text)])
    return make


def in_context(example, include):
    """(whether it stands outside of virtual hosts, the line that includes it with the sections around)."""
    said = re.match(CONTEXT, example.text)
    if not said or said[1] == "virtual host":
        return bool(re.search(WHOLE, example.text, flags=re.M)), include
    if said[1] == "server config":
        return True, include
    section = re.fullmatch(r"inside <(\w+)( .*)?>", said[1])
    assert section, f"{example.page}:{example.line + 1}: unknown context {said[1]}"
    missing = "MTLSOAuthAudience https://api.example.com\n" if section[1] == "MTLSOAuthIssuer" and "MTLSOAuthAudience" not in example.text else ""
    return False, f"<{section[1]}{section[2] or ''}>\n{missing}{include}</{section[1]}>\n"


@pytest.fixture(scope="module")
def table(home):
    """{directive: outside, inside, anywhere or anywhere and in (.htaccess)} as httpd lists the directives of the loaded module."""
    directory, pki = home
    server = Httpd(tempfile.mkdtemp(dir=directory), pki)
    command = [environment.HTTPD, "-d", str(server.directory), "-f", str(server.directory / "httpd.conf"), "-L"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False,
                            env=sanitizer.process_environment(directory)).stdout
    row = r"^<?(\w+) \(mod_auth_mtls_oauth\.c\)\n.*\n\tAllowed in \*\.conf (?:only )?(anywhere and in|\w+)"
    found = re.findall(row, listed, flags=re.M)
    assert len(found) == listed.count("(mod_auth_mtls_oauth.c)") > 0, listed[-2000:]
    return dict(found)


def test_there_is_a_page():
    assert DIRECTIVES.exists()


def test_every_directive_has_a_section(table):
    """And every section has its directive; nothing planned is described, nothing present is left out."""
    assert sorted(name for name, _ in headed()) == sorted(table)


def test_section_is_whole(directive):
    """Each part once, in order, with something in it; syntax and example are of that directive."""
    found = parts(sections()[directive])
    assert [name for name, _ in found] == PARTS
    assert all(re.search(r"\w{2,}", text) for _, text in found), found
    said = dict(found)
    assert re.search(rf"`<?{directive}\b", said["Syntax"])
    shown = "".join(content for _, language, content in fences(said["Example"]) if language == "apache")
    assert re.search(rf"^\s*<?{directive}\s", shown, flags=re.M), "the example does not use it"
    assert re.search(r"RFC \d{4}|[Oo]wn decision", said["Source"])


def test_context_is_httpd_s_own(directive, table):
    """Where the page lets a directive stand, httpd lets it stand."""
    context = dict(parts(sections()[directive]))["Context"]
    wanted, unwanted = CONTEXTS[table[directive]]
    assert not [word for word in wanted if word not in context], context
    assert not [word for word in unwanted if word in context], context


def in_seconds(value):
    """A time as the dump prints it; all else as it is."""
    time = re.fullmatch(r"(\d+)(s|min|h|d)", value)
    return f"{int(time[1]) * SECONDS[time[2]]}s" if time else value


def test_defaults_are_those_of_the_module(configure):
    """The dump of blocks that say nothing has the defaults of the page."""
    code, said = configure(Example("minimal", 0, MINIMAL)).configtest("DUMP_MTLS_OAUTH")
    assert code == 0, said
    dumped = dict(re.findall(r"^    (MTLSOAuth\w+) (.*)$", said, flags=re.M))
    checked = {name: value for name, value in dumped.items() if name not in WITHOUT_DEFAULT}
    assert "MTLSOAuthProfile" in checked and "MTLSOAuthJWKSRefresh" in checked, said
    documented = {name: in_seconds(dict(parts(sections()[name]))["Default"].strip().strip("`")) for name in checked}
    assert documented == checked


def test_example_passes_configtest(configure, example):
    """What is shown can be copied: no error, and no warning of ours."""
    place = f"{example.page}:{example.line}"
    code, said = configure(example).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and "Syntax OK" in said, f"{place}: {said}"
    warnings = [line for line in said.splitlines() if line.startswith("  warning: ")]
    assert not warnings, f"{place}: {warnings}"


@pytest.mark.parametrize("text, complaint", [
    ("# text\nMTLSOAuthAudience\n", "line 43 of"), ("MTLSOAuthNothing on\n", "line 42 of"),
    ("# Context: inside <MTLSOAuthIssuer urn:docs>\n\nMTLSOAuthUseMutualTLS never\n", "line 44 of"),
    ("# Context: server config\nMTLSOAuthStateDir off on\n", "line 43 of")])
def test_a_mistake_is_told_with_its_place(configure, text, complaint):
    """A page that shows something wrong fails, and httpd names the page and the line in it."""
    code, said = configure(Example("page.md", 41, text)).configtest("DUMP_MTLS_OAUTH")
    assert code != 0 and re.search(rf"{complaint} .*/page\.md", said), said


def test_every_example_is_tried():
    """A fence with our directives in it says apache, or it would not be tried; and a page in Markdown has fences for them."""
    untried = [f"{path.name}:{line}" for path in PAGES for line, language, content in fences(read(path))
               if language != "apache" and re.search(r"^\s*<?MTLSOAuth\w+\s", content, flags=re.M)]
    untried += [f"{path.name}:{line}" for path in PAGES if path not in READMES for line, _ in indented(without_fences(read(path)))]
    assert not untried


def test_every_directive_named_exists(table):
    """Also in running text: no page speaks of a directive that there is not. Dots behind a name stand for the rest of several."""
    for path in [*PAGES, SAMPLE]:
        for name, dots in re.findall(r"\b(MTLSOAuth\w+)(\.\.\.)?", read(path)):
            assert name in table or dots and any(one.startswith(name) for one in table), f"{path.name}: {name}"


def test_every_variable_is_documented():
    """In the table of directives.md, and nowhere is a variable that the module does not set."""
    code = set(re.findall(r'"(MTLS_OAUTH_[A-Z_]+)"', ANSWER.read_text()))
    assert code
    rows = re.findall(r"^\| `(MTLS_OAUTH_[A-Z_]+)` \|", read(DIRECTIVES), flags=re.M)
    assert sorted(rows) == sorted(code)
    named = {(name, path.name) for path in [*PAGES, SAMPLE] for name in re.findall(r"MTLS_OAUTH_[A-Z_]+", read(path))}
    assert not [found for found in named if found[0] not in code]


def without_fences(text):
    """The text with empty lines in place of its fenced blocks."""
    return re.sub(r"^([ \t]*)```.*?^\1```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)


def anchors(path):
    """What a link to a heading of a page may say."""
    headings = re.findall(r"^#+ (.*)$", without_fences(read(path)), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    """Links between the pages: the file is there, and the heading too."""
    for path in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(read(path))):
            if "://" not in target:
                name, _, anchor = target.partition("#")
                page = path.parent / name if name else path
                assert page.exists() and (not anchor or anchor in anchors(page)), f"{path.name}: {target}"


def test_readme_names_every_page():
    """And no page, or folder of the map, that is not there."""
    text = "".join(read(path) for path in READMES)
    named = set(re.findall(r"\bdocs/([\w-]+\.\w+)", text))
    assert named >= {path.name for path in PAGES if path not in READMES}
    assert not [name for name in named if not (environment.SOURCE / "docs" / name).exists()]


@pytest.mark.parametrize("path", [path for path in PAGES if "## When\n" in read(path)], ids=lambda path: path.name)
def test_a_page_of_a_use_case_is_whole(path):
    """Each of them tells the same things in the same order, on two screens or so, and its refusals lead to their page."""
    headings = re.findall(r"^## (.*)$", without_fences(read(path)), flags=re.M)
    assert headings[:len(USE_CASE)] == USE_CASE
    wrong = read(path).split(f"## {USE_CASE[-1]}\n")[1]
    assert re.search(r"^\| \[`\w+`\]\(refusals\.md#\w+\)", wrong, flags=re.M)
    assert len(read(path).splitlines()) < 170


def test_every_refusal_is_in_troubleshooting():
    """Each has one row there, with a link to what refusals.md says of it."""
    codes = re.findall(r"^## `(\w+)`$", read(REFUSALS), flags=re.M)
    rows = re.findall(r"^\| \[`(\w+)`\]\(refusals\.md#(\w+)\) \|", read(TROUBLESHOOTING), flags=re.M)
    assert codes and sorted(rows) == sorted((code, code) for code in codes)


def names_in(path):
    """The names of the tests in a file: functions of pytest, or what a unit program adds."""
    text = read(path)
    if path.suffix == ".py":
        return set(re.findall(r"^def (test_\w+)\(", text, flags=re.M))
    added = re.findall(r'support_(?:case|table)\(\s*(?:"[^"]*"\s*)+,\s*(\w+)|cmocka_unit_test\w*\((\w+)', text)
    return {name for pair in added for name in pair if name}


def held():
    """[(heading, row, tests)] of the tables of attacks in security.md: (file, name or none) of each test that is named."""
    part = read(SECURITY).split("## Attacks that are tried\n")[1].split("\n## ")[0]
    for table in part.split("\n### ")[1:]:
        for what, how in re.findall(r"^\| (?!attack|what happened|---)(.*) \| (.*) \|$", table, flags=re.M):
            yield table.split("\n")[0], what, how, re.findall(r"`([\w/]+\.(?:py|c|sh))(?:::(\w+))?`", how)


def test_attacks_are_held_by_tests():
    """Each row names a test, or says why there is none; each test that is named is there, once."""
    rows, found = list(held()), {}
    for path in (environment.SOURCE / "tests").rglob("*.*"):
        if path.suffix in (".py", ".c", ".sh"):
            found.setdefault(path.name, []).append(path)
    assert len(rows) > 60 and len({heading for heading, *_ in rows}) == 6
    for heading, what, how, tests in rows:
        assert tests or how.startswith("not here: "), f"{heading}: {what}"
        for name, test in tests:
            path, = found.get(Path(name).name, [None])
            assert path and (not test or test in names_in(path)), f"{what}: there is no {name}::{test}"
            assert test or not name.startswith("test_"), f"{what}: {name} names no test"
