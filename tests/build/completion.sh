#!/usr/bin/env bash
# tools/mtls-oauth.bash completes every verb and option that the tool's help lists, and their values. Called as bash calls
# it, with the words of a line in COMP_WORDS.

tool=${MTO_TOOL:?}
source=${MTO_SOURCE:?}
# shellcheck source=tests/build/report
. "$source/tests/build/report"
# shellcheck source=/dev/null
. "$source/tools/mtls-oauth.bash"

# offered WORD...: what is offered for the last word; = between a name and a value is a word of its own
offered()
{
    COMP_WORDS=(mtls-oauth "$@")
    COMP_CWORD=$#
    _mtls_oauth "$tool" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}" | sed '/^$/d' | sort
}

# check NAME WANTED FOUND, both of sorted lines
check()
{
    diff <(echo "$2") <(echo "$3") > "$scratch/messages" && [ -n "$2" ]
    report "$1" $?
}

# is NAME WANTED FOUND, where nothing may be what is wanted
is()
{
    check "$1" "=$2" "=$3"
}

verbs=$("$tool" --help | awk '/^  [a-z]/ && $1 != "mtls-oauth" { print $1 }')
# shellcheck disable=SC2086  # a list of words
set -- $verbs
echo 1..$((11 + 2 * $#))

check "the verbs" "$(printf '%s\n' "$@" --help --version | sort)" "$(offered "")"
check "a verb that is begun" "$(printf 'check\ncheck-client')" "$(offered ch)"
for verb in "$@"; do
    options=$("$tool" "$verb" --help | awk '/^  --/ { print $1 }')
    # shellcheck disable=SC2086
    check "the options of $verb" "$(printf '%s\n' $options --help | sort)" "$(offered "$verb" --)"
    # shellcheck disable=SC2086
    is "each is offered once, unless it is repeatable: $verb" \
        "$("$tool" "$verb" --help | awk '/^  --.*repeatable/ { print $1 }; END { print "--help" }' | sort)" \
        "$(offered "$verb" $options x --)"
done

check "words of an option" "$(printf 'none\nrequest\nrequired')" "$(offered check --use-mutual-tls "")"
check "one that is begun, behind =" "$(printf 'request\nrequired')" "$(offered check --use-mutual-tls = re)"
check "all, behind =" "$(printf 'fapi2\njwt\nrfc9068')" "$(offered check --profile =)"
check "the algorithms are those of the tool" \
    "$(sed -n 's/^ *{"\([A-Z][A-Za-z]*[0-9]*\)",.*/\1/p' "$source/src/core/algorithm.c" | sort -u)" \
    "$(offered keygen --alg "")"

cd "$scratch" || exit 1
touch "a key.pem" a.token other
check "files, with their spaces" "$(printf 'a key.pem\na.token')" "$(offered mint --key a)"
check "files as the operand" "other" "$(offered thumbprint ot)"
is "a token is not completed" "" "$(offered check a)"
is "an issuer is not completed" "" "$(offered check --issuer "")"
is "an unknown verb has nothing" "" "$(offered frobnicate "")"
