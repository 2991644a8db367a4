#!/bin/sh
# docs/refusals.md is what docs/refusals.c prints of the refusal table: whoever changes the one runs make docs. make
# hands over the compiler and the flags with which it compiles src/core.

source=${MTO_SOURCE:?}
# shellcheck source=tests/build/report
. "$source/tests/build/report"

echo 1..3

# shellcheck disable=SC2086  # the compiler and the flags are lists of words
${MTO_CC:?} ${MTO_CORE_CPPFLAGS:?} -o "$scratch/refusals" "$source/docs/refusals.c" "$source/src/core/refusal.c" \
    > "$scratch/messages" 2>&1 && "$scratch/refusals" > "$scratch/refusals.md"
report "docs/refusals.c compiles and prints a page" $?

diff -u "$source/docs/refusals.md" "$scratch/refusals.md" > "$scratch/messages" 2>&1
report "docs/refusals.md is that page (else: make docs)" $?

# The page is no use when it is short: one section for each code of the table.
codes=$(sed -n 's/^ *\(\[MTO_[A-Z_]*\] =\) *.*/\1/p' "$source/src/core/refusal.c" | grep -vc MTO_ADMITTED)
sections=$(grep -c '^## .[a-z_]*.$' "$scratch/refusals.md")
echo "$codes codes, $sections sections" > "$scratch/messages"
[ "$codes" -gt 20 ] && [ "$codes" -eq "$sections" ]
report "docs/refusals.md has a section for every refusal" $?
