#!/bin/sh
# What was built has the hardening that configure.ac asks for: read from the files, whatever flags they were said to be
# built with. The sanitizers go without some of it. _FORTIFY_SOURCE needs a compiler that optimizes, and glibc.

module=${MTO_MODULE:?} tool=${MTO_TOOL:?}
number=0

echo 1..13
if [ -n "${MTO_SANITIZERS-}" ]; then
    while [ $number -lt 13 ]; do
        number=$((number + 1))
        echo "ok $number - hardening # SKIP a sanitized build has its own checks"
    done
    exit 0
fi

# is NAME FILE PATTERN READELF-OPTIONS...: whether readelf shows a line of that pattern.
is()
{
    number=$((number + 1))
    name=$1 file=$2 pattern=$3
    shift 3
    if LC_ALL=C readelf --wide "$@" "$file" | grep -Eq "$pattern"; then
        echo "ok $number - $(basename "$file"): $name"
    else
        echo "not ok $number - $(basename "$file"): $name"
    fi
}

# is_not: whether it shows none.
is_not()
{
    number=$((number + 1))
    name=$1 file=$2 pattern=$3
    shift 3
    if LC_ALL=C readelf --wide "$@" "$file" | grep -Eq "$pattern"; then
        echo "not ok $number - $(basename "$file"): $name"
    else
        echo "ok $number - $(basename "$file"): $name"
    fi
}

for file in "$module" "$tool"; do
    is "relocations are read-only once they are done (-z relro)" "$file" 'GNU_RELRO' --program-headers
    is "they are done at start (-z now)" "$file" 'BIND_NOW|FLAGS_1.*NOW' --dynamic
    is "the stack is watched (-fstack-protector-strong)" "$file" '__stack_chk_fail' --symbols
    case "${MTO_HARDENING-} $(LC_ALL=C readelf --wide --dynamic "$file")" in
        *_FORTIFY_SOURCE=*libc.so.6*) ;;
        *)
            number=$((number + 1))
            echo "ok $number - $(basename "$file"): _FORTIFY_SOURCE # SKIP built without optimization, or without glibc"
            without_fortify=1
            ;;
    esac
    test -n "${without_fortify-}" || is "buffers of known size are (_FORTIFY_SOURCE)" "$file" '__(v?s(n)?printf|v?fprintf|v?asprintf|mem(cpy|move|set)|str(n)?(cpy|cat)|fgets|read)_chk' --symbols
    is "the stack is not for running" "$file" 'GNU_STACK .* RW ' --program-headers
    is_not "no relocation is in the code" "$file" 'TEXTREL' --dynamic
done
is "it may lie anywhere (PIE)" "$tool" 'Type:.*DYN' --file-header
