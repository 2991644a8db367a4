#!/usr/bin/python3
"""Prints the manual page mod_auth_mtls_oauth(5), made from docs/directives.md: make docs.

    manual.py DIRECTIVES.MD > mod_auth_mtls_oauth.5

The page is the whole of it but for the examples and sources of the single directives and the index in front. A table is
a list here, one entry a row, which every terminal is wide enough for. tests/build/manual_page.sh keeps the two equal.
"""

import re
import sys
import textwrap
from pathlib import Path

HEAD = r"""\
.\" Made from docs/directives.md by docs/manual.py: make docs.
.TH MOD_AUTH_MTLS_OAUTH 5 "" "mod_auth_mtls_oauth" "File Formats"
.nh
.ad l
.SH NAME
mod_auth_mtls_oauth \- access tokens that work only with the certificate of their client, for Apache httpd
.SH SYNOPSIS
.nf
\fBLoadModule auth_mtls_oauth_module modules/mod_auth_mtls_oauth.so\fR
\fBAuthType mTLS\-OAuth\fR
\fBAuthType TLS\-Client\-Auth\fR
.fi
.SH DESCRIPTION
"""

TAIL = r"""\
.SH SEE ALSO
.BR mtls\-oauth (1)
.PP
docs/directives.md in the sources: this page with an example and the sources of each directive.
docs/refusals.md: every refusal code, its cause and its remedy.
httpd.conf.sample: a whole configuration.
"""

# characters of a line of the page's source
WIDTH = 78

# the parts of a directive's section that the page has; **Meaning:** goes without its name
PARTS = ("Syntax", "Context", "Default")
LEFT_OUT = ("Example", "Source")


def escaped(text):
    """Text that roff prints as it is: what is meant for typing stays ASCII."""
    for character, roff in (("\\", r"\e"), ("-", r"\-"), ("~", r"\(ti"), ("^", r"\(ha"), ("`", r"\(ga")):
        text = text.replace(character, roff)
    return text


def breakable(code):
    """Long paths, URLs and choices can be broken behind a slash or bar."""
    return re.sub(r"\S{30,}", lambda long: re.sub(r"(?<=[^/])([/|])(?=[^/])", r"\1\\:", long[0]), code)


def inline(text):
    """The Markdown within a paragraph."""
    found = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|\*\*(?P<bold>.+?)\*\*|\*(?P<emphasis>\w.*?)\*"
                       r"|\[(?P<text>(?:`[^`]*`|[^]`])+)\]\((?P<target>[^)\s]+)\)|\\(?P<literal>[<*_|\\`])")
    said, end = "", 0
    for match in found.finditer(text):
        said += escaped(text[end:match.start()])
        end = match.end()
        if match["code"]:
            said += rf"\fB{breakable(escaped(match['code'].strip())).replace(chr(39), chr(92) + '(aq')}\fR"
        elif match["bold"]:
            said += rf"\fB{escaped(match['bold'])}\fR"
        elif match["emphasis"]:
            said += rf"\fI{escaped(match['emphasis'])}\fR"
        elif match["literal"]:
            said += escaped(match["literal"])
        else:
            said += inline(match["text"]) + elsewhere(match["text"], match["target"])
    return said + escaped(text[end:])


def elsewhere(text, target):
    """Where a link out of the page leads, when its text does not say so."""
    page = target.partition("#")[0]
    return "" if not page or page == text else f" ({escaped(page)})"


def printed(text):
    """Lines of running text, none of which roff takes for a request; each sentence begins a line."""
    sentences = re.split(r"(?<=[.?!])(?<!\.\.\.) +(?=\S)", inline(" ".join(text.split())))
    lines = [line for sentence in sentences
             for line in textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)]
    return "".join(("\\&" if line[0] in ".'" else "") + line + "\n" for line in lines)


def verbatim(lines):
    """A block of code."""
    shown = [escaped(line).replace("'", r"\(aq") for line in textwrap.dedent("\n".join(lines)).strip("\n").split("\n")]
    return ".PP\n.RS 4\n.nf\n" + "".join(("\\&" if line[:1] == "." else "") + line + "\n" for line in shown) + ".fi\n.RE\n"


def cells(line):
    """The cells of a row; a bar with a backslash in front is text."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def table(lines):
    """An entry for each row, named by its first cell; with more than two columns the others tell their headings."""
    heads, rows = cells(lines[0]), [cells(line) for line in lines[2:]]
    if any(len(row) != len(heads) for row in rows):
        raise SystemExit(f"a row of another length in the table of {lines[0]}")
    said = ""
    for first, *others in rows:
        told = list(zip(heads[1:], others))
        said += f".TP\n{printed(first).replace(chr(10), ' ').strip()}\n"
        said += ".br\n".join(printed(value if len(told) == 1 else f"*{head.replace('`', '')}*: {value}")
                             for head, value in told)
    return said


def entries(lines):
    """A list; its items may go on in indented lines."""
    items = re.split(r"^(?:- |(\d+\.) )", "\n".join(lines), flags=re.M)[1:]
    return "".join(f".IP {number or chr(92) + '(bu'} {4 if number else 2}\n{printed(text)}"
                   for number, text in zip(items[::2], items[1::2]))


def blocks(text):
    """[(kind, lines)] of a section."""
    lines, found = text.split("\n"), []
    kinds = (("table", r"\|"), ("list", r"- |\d+\. "), ("indented", r"    \S"), ("paragraph", r"\S"))
    while lines:
        if lines[0].startswith("```"):
            end = lines.index("```", 1)
            found.append(("code", lines[1:end]))
            lines = lines[end + 1:]
            continue
        kind = next((name for name, start in kinds if re.match(start, lines[0])), None)
        end = 1
        while kind and end < len(lines) and lines[end].strip() and not lines[end].startswith("```"):
            end += 1
        if kind:
            found.append((kind, lines[:end]))
        lines = lines[end:]
    return found


def body(text):
    """The blocks of a section, as roff."""
    makers = {"table": table, "list": entries, "code": verbatim, "indented": verbatim}
    said = ""
    for kind, lines in blocks(text):
        if kind == "paragraph":
            if re.match(r"[#>]", lines[0]):
                raise SystemExit(f"manual.py does not know what to make of: {lines[0]}")
            said += ".PP\n" + printed(" ".join(lines))
        else:
            said += makers[kind](lines)
    return said


def heading(request, text):
    """A line with a heading; roff has no other quote inside of one."""
    return f'.{request} "{inline(text).replace(chr(34), chr(92) + "(dq")}"\n'


def directive(name, text):
    """A directive: its parts in front, then what it means."""
    parts = re.split(r"^\*\*(\w+):\*\*", text, flags=re.M)
    said = heading("SS", f"`{name}`")
    for part, content in zip(parts[1::2], parts[2::2]):
        if part in PARTS:
            said += f".TP 10\n{part}:\n{printed(content)}"
        elif part == "Meaning":
            said += body(content.strip() + "\n")
        elif part not in LEFT_OUT:
            raise SystemExit(f"{name} has a part {part} that manual.py does not know")
    return said


def chapter(title, text):
    """A chapter that is not about one directive, with what stands below its own headings."""
    own, *inner = re.split(r"^### (.*)\n", text, flags=re.M)
    said = heading("SH", title.upper() if "`" not in title else title) + body(own)
    return said + "".join(heading("SS", name) + body(part) for name, part in zip(inner[::2], inner[1::2]))


def page(markdown):
    """The whole page."""
    introduction, *sections = re.split(r"^## (.*)\n", markdown, flags=re.M)
    introduction = introduction.partition("\n\n")[2].partition("\nBefore the directives:")[0]
    said, directives = HEAD[2:] + body(introduction), False
    for title, text in zip(sections[::2], sections[1::2]):
        name = re.fullmatch(r"`(<?MTLSOAuth\w+>?)`", title)
        if name and not directives:
            said += ".SH DIRECTIVES\n"
            directives = True
        said += directive(name[1], text) if name else chapter(title, text)
    # a paragraph right after a heading needs no request
    return re.sub(r"^(\.S[HS] .*\n)\.PP\n", r"\1", said + TAIL[2:], flags=re.M)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: manual.py DIRECTIVES.MD")
    sys.stdout.write(page(Path(sys.argv[1]).read_text(encoding="utf-8")))
