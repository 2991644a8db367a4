#!/bin/sh
# src/core knows nothing of httpd: its flags do not even find <httpd.h>. Two twins prove that it is the header that is
# missing, not the compiler or httpd that is broken. make hands over the flags with which it compiles src/core.

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# compiles HEADER FLAGS...
compiles()
{
    header=$1
    shift
    printf '#include <%s>\nextern int nothing;\n' "$header" > "$scratch/unit.c"
    # shellcheck disable=SC2086  # the compiler and the flags are lists of words
    ${MTO_CC:?} "$@" -c -o "$scratch/unit.o" "$scratch/unit.c" > "$scratch/messages" 2>&1
}

# report NUMBER NAME STATUS
report()
{
    if [ "$3" -eq 0 ]; then
        echo "ok $1 - $2"
    else
        echo "not ok $1 - $2"
        sed 's/^/# /' "$scratch/messages"
    fi
}

echo 1..3

# shellcheck disable=SC2086
compiles apr.h ${MTO_CORE_CPPFLAGS:?}
report 1 "src/core may include <apr.h>" $?

# shellcheck disable=SC2086
compiles httpd.h ${MTO_HTTPD_CPPFLAGS:?}
report 2 "src/httpd may include <httpd.h>" $?

if [ -e "${MTO_HTTPD_INCLUDEDIR:?}/apr.h" ]; then
    echo "ok 3 - src/core cannot include <httpd.h> # SKIP httpd and APR have their headers in one folder here"
else
    # shellcheck disable=SC2086
    ! compiles httpd.h $MTO_CORE_CPPFLAGS && grep -q 'httpd\.h' "$scratch/messages"
    report 3 "src/core cannot include <httpd.h>" $?
fi
