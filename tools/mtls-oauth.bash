# mtls-oauth.bash - completion of the tool's verbs, options and values for bash.
# What there is it asks the tool itself, so that it knows what the tool of that name knows: nothing to keep in step.

# _mtls_oauth_options TOOL VERB: a line for each option, "NAME ARGUMENT FLAGS", as in --key FILE|- (required)
_mtls_oauth_options()
{
    "$1" "$2" --help 2> /dev/null | sed -n 's/^  \(--[a-z-]* \)/\1/p'
}

# _mtls_oauth_value TOOL ARGUMENT: completes $cur, the value of an option or an operand, by what the help calls it
_mtls_oauth_value()
{
    case $2 in
        FILE | FILE\|-)
            compopt -o filenames 2> /dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            ;;
        ALG | ALG...)
            mapfile -t COMPREPLY < <(compgen -W "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 Ed448" \
                -- "$cur")
            ;;
        *[[:lower:]]*\|*) mapfile -t COMPREPLY < <(compgen -W "${2//|/ }" -- "$cur") ;;
    esac
}

_mtls_oauth()
{
    local tool=$1 cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
    local options name argument flags words=() word
    COMPREPLY=()

    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "--help --version $("$tool" --help 2> /dev/null \
            | sed -n '/^$/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p')" -- "$cur")
        return
    fi
    options=$(_mtls_oauth_options "$tool" "$verb")

    # bash takes --name=value for three words
    if [ "$cur" = = ]; then
        cur='' word=$previous
    elif [ "$previous" = = ]; then
        word=${COMP_WORDS[COMP_CWORD - 2]}
    else
        word=$previous
    fi
    while read -r name argument flags; do
        if [ -n "$name" ] && [ "$name" = "$word" ]; then
            _mtls_oauth_value "$tool" "$argument"
            return
        fi
    done <<< "$options"

    if [[ $cur == -?* ]]; then
        # those that may come once are offered once
        while read -r name argument flags; do
            if [[ $flags == *repeatable* || " ${COMP_WORDS[*]:2:COMP_CWORD-2} " != *" $name "* ]]; then
                words+=("$name")
            fi
        done <<< "$options"
        mapfile -t COMPREPLY < <(compgen -W "${words[*]} --help" -- "$cur")
        return
    fi
    argument=$("$tool" "$verb" --help 2> /dev/null | sed -n '1s/^usage: .* \(\[OPTION...\] \)*//p')
    _mtls_oauth_value "$tool" "$argument"
}

complete -F _mtls_oauth mtls-oauth
