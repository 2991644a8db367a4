#!/bin/sh
# Where a comparison decides about a secret or a binding, it takes as long whatever is compared: CRYPTO_memcmp, and in the file
# that decides the binding no other. The objects are asked, since they are what runs.

objects=${MTO_BUILD:?}/obj
sources=${MTO_SOURCE:?}/src

# report NUMBER NAME STATUS
report()
{
    if [ "$3" -eq 0 ]; then
        echo "ok $1 - $2"
    else
        echo "not ok $1 - $2"
    fi
}

# compares OBJECT: whether it calls CRYPTO_memcmp
compares()
{
    nm -u "$objects/$1.o" | grep -q ' CRYPTO_memcmp$'
}

echo 1..3

compares core/binding
report 1 "the thumbprint of the certificate is compared by CRYPTO_memcmp" $?

compares io/state_file
report 2 "the seal of a state file is compared by CRYPTO_memcmp" $?

# memcmp may have become instructions, so the source is asked
! grep -nE '(^|[^_])(mem|str|strn|strcase|timingsafe_b)cmp *\(|==.*x5t|x5t.*==' "$sources/core/binding.c" | sed 's/^/# /' | grep .
report 3 "src/core/binding.c compares in no other way" $?
