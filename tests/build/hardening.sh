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

# look NAME PATTERN HAS READELF-OPTIONS...: whether readelf shows a line of that pattern in $file (HAS yes), or none (no).
look()
{
    number=$((number + 1))
    name=$1 pattern=$2 wanted=$3 has=no
    shift 3
    if LC_ALL=C readelf --wide "$@" "$file" | grep -Eq "$pattern"; then
        has=yes
    fi
    if [ $has = "$wanted" ]; then
        echo "ok $number - $(basename "$file"): $name"
    else
        echo "not ok $number - $(basename "$file"): $name"
    fi
}

for file in "$module" "$tool"; do
    look "relocations are read-only once they are done (-z relro)" 'GNU_RELRO' yes --program-headers
    look "they are done at start (-z now)" 'BIND_NOW|FLAGS_1.*NOW' yes --dynamic
    look "the stack is watched (-fstack-protector-strong)" '__stack_chk_fail' yes --symbols
    case "${MTO_HARDENING-} $(LC_ALL=C readelf --wide --dynamic "$file")" in
        *_FORTIFY_SOURCE=*libc.so.6*)
            look "buffers of known size are watched (_FORTIFY_SOURCE)" '__(v?s(n)?printf|v?fprintf|v?asprintf|mem(cpy|move|set)|str(n)?(cpy|cat)|fgets|read)_chk' yes --symbols
            ;;
        *)
            number=$((number + 1))
            echo "ok $number - $(basename "$file"): _FORTIFY_SOURCE # SKIP built without optimization, or without glibc"
            ;;
    esac
    look "the stack is not for running" 'GNU_STACK .* RW ' yes --program-headers
    look "no relocation is in the code" 'TEXTREL' no --dynamic
done
file=$tool
look "it may lie anywhere (PIE)" 'Type:.*DYN' yes --file-header
