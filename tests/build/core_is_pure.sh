#!/bin/sh
# src/core knows nothing of httpd: its flags do not even find <httpd.h>. Two twins prove that it is the header that is
# missing, not the compiler or httpd that is broken. make hands over the flags with which it compiles src/core.

# shellcheck source=tests/build/report
. "${MTO_SOURCE:?}/tests/build/report"

# compiles HEADER FLAGS...
compiles()
{
    header=$1
    shift
    printf '#include <%s>\nextern int nothing;\n' "$header" > "$scratch/unit.c"
    # shellcheck disable=SC2086  # the compiler and the flags are lists of words
    ${MTO_CC:?} "$@" -c -o "$scratch/unit.o" "$scratch/unit.c" > "$scratch/messages" 2>&1
}

echo 1..3

# shellcheck disable=SC2086
compiles apr.h ${MTO_CORE_CPPFLAGS:?}
report "src/core may include <apr.h>" $?

# shellcheck disable=SC2086
compiles httpd.h ${MTO_HTTPD_CPPFLAGS:?}
report "src/httpd may include <httpd.h>" $?

if [ -e "${MTO_HTTPD_INCLUDEDIR:?}/apr.h" ]; then
    skip "src/core cannot include <httpd.h>" "httpd and APR have their headers in one folder here"
else
    # shellcheck disable=SC2086
    ! compiles httpd.h $MTO_CORE_CPPFLAGS && grep -q 'httpd\.h' "$scratch/messages"
    report "src/core cannot include <httpd.h>" $?
fi
