#!/bin/sh
# docs/mod_auth_mtls_oauth.5 is what docs/manual.py makes of docs/directives.md (whoever changes the one runs make docs),
# it leaves no directive out, and what is there of man and mandoc has nothing to say against it, or against the tool's.

source=${MTO_SOURCE:?}
page=$source/docs/mod_auth_mtls_oauth.5
# shellcheck source=tests/build/report
. "$source/tests/build/report"

echo 1..4

"${MTO_PYTHON:?}" "$source/docs/manual.py" "$source/docs/directives.md" 2> "$scratch/messages" > "$scratch/page" &&
    diff -u "$page" "$scratch/page" > "$scratch/messages"
report "docs/mod_auth_mtls_oauth.5 is made of docs/directives.md (else: make docs)" $?

# shellcheck disable=SC2016  # these are backticks of Markdown
sed -n 's/^## `<*\(MTLSOAuth[A-Za-z0-9]*\)>*`$/\1/p' "$source/docs/directives.md" > "$scratch/documented"
sed -n 's/^\.SS "\\fB<*\(MTLSOAuth[A-Za-z0-9]*\)>*\\fR"$/\1/p' "$page" > "$scratch/headings"
diff "$scratch/documented" "$scratch/headings" > "$scratch/messages" && [ "$(wc -l < "$scratch/headings")" -gt 50 ] &&
    [ "$(grep -c '^Syntax:$' "$page")" -eq "$(wc -l < "$scratch/headings")" ]
report "every directive has a section with its syntax" $?

if man --version > "$scratch/messages" 2>&1 && grep -q '^man 2' "$scratch/messages"; then
    : > "$scratch/messages"
    for each in "$page" "$source/docs/mtls-oauth.1"; do
        LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$each" 2>> "$scratch/messages" > "$scratch/rendered"
        [ -s "$scratch/rendered" ] || echo "man renders nothing of $each" >> "$scratch/messages"
    done
    [ ! -s "$scratch/messages" ]
    report "man renders the pages without a warning" $?
else
    skip "man renders the pages without a warning" "there is no man of man-db"
fi

if command -v mandoc > /dev/null; then
    # a page without a date is a page that only changes when it says something else
    mandoc -T lint -W warning "$page" "$source/docs/mtls-oauth.1" 2>&1 | grep -v 'missing date, using "": TH' \
        > "$scratch/messages"
    [ ! -s "$scratch/messages" ]
    report "mandoc has nothing to warn of" $?
else
    skip "mandoc has nothing to warn of" "there is no mandoc"
fi
