/* mtls-oauth - the verifier of mod_auth_mtls_oauth at the command line. Finds the verb, reads its options, runs it. */
#include "core/json_memory.h"
#include "input.h"
#include "verb.h"

#include <apr_general.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MTO_VERSION
#error the build says which version this is: -DMTO_VERSION='"..."'
#endif

static const mto_verb_t *const verbs[] = {
    &mto_check_verb,      &mto_check_client_verb, &mto_inspect_verb, &mto_thumbprint_verb,
    &mto_verify_jws_verb, &mto_mint_verb,         &mto_keygen_verb,
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

/* What to do after the options: run the verb, or end at once. */
#define GO_ON (-1)

static int print_usage(FILE *out)
{
    size_t i;

    (void)fputs("usage: mtls-oauth VERB [OPTION...] [OPERAND]\n\n", out);
    for (i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(out, "  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
    }
    (void)fputs("\n  mtls-oauth VERB --help   tells about a verb and its options\n"
                "  mtls-oauth --version     tells the version\n\n"
                "Exit code: 0 yes or done, 1 refused, 2 a mistake on the command line or unreadable input.\n",
                out);
    return out == stdout ? MTO_EXIT_OK : MTO_EXIT_USAGE;
}

static int print_help(const mto_verb_t *verb)
{
    const mto_option_t *option;

    (void)printf("usage: mtls-oauth %s%s%s%s\n\n%s\n", verb->name, verb->options->name != NULL ? " [OPTION...]" : "",
                 verb->operand != NULL ? " " : "", verb->operand != NULL ? verb->operand : "", verb->summary);
    if (verb->options->name != NULL) {
        (void)puts("");
    }
    for (option = verb->options; option->name != NULL; option++) {
        (void)printf("  --%s %s%s%s\n        %s\n", option->name, option->argument,
                     (option->flags & MTO_OPTION_REQUIRED) != 0 ? " (required)" : "",
                     (option->flags & MTO_OPTION_REPEATABLE) != 0 ? " (repeatable)" : "", option->help);
    }
    (void)printf("\n%s", verb->help);
    return MTO_EXIT_OK;
}

/* The option of that name, of which length characters count; NULL: the verb has none. */
static const mto_option_t *find_option(const mto_verb_t *verb, const char *name, size_t length)
{
    const mto_option_t *option;

    for (option = verb->options; option->name != NULL; option++) {
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return NULL;
}

/* Reads the option at argument[0] ("--name", "--name=value") and moves on to the last argument it takes up. given: set
 * of the options seen so far. Returns GO_ON or an exit code. */
static int read_option(const mto_verb_t *verb, char *request, char ***argument, unsigned *given, apr_pool_t *pool)
{
    const char         *name = **argument + 2, *equals = strchr(name, '='), *value = equals != NULL ? equals + 1 : NULL;
    size_t              length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const mto_option_t *option = find_option(verb, name, length);
    const char         *reason;
    unsigned            bit;

    if (option == NULL) {
        return mto_complain("unknown option --%.*s; see \"mtls-oauth %s --help\"", (int)length, name, verb->name);
    }
    bit = 1u << (option - verb->options);
    if ((*given & bit) != 0 && (option->flags & MTO_OPTION_REPEATABLE) == 0) {
        return mto_complain("--%s is given twice", option->name);
    }
    *given |= bit;
    if (value == NULL && (value = *++*argument) == NULL) {
        return mto_complain("--%s wants %s", option->name, option->argument);
    }
    reason = option->set(request + option->member, value, pool);
    if (reason != NULL) {
        return mto_complain("--%s %s: \"%s\": %s", option->name, option->argument, value, reason);
    }
    return GO_ON;
}

/* Reads what stands after the verb. argument: NULL-terminated. Returns GO_ON or an exit code. */
static int read_arguments(const mto_verb_t *verb, char *request, const char **operand, char **argument,
                          apr_pool_t *pool)
{
    const mto_option_t *option;
    unsigned            given = 0;
    int                 options_end = 0, code;

    for (; *argument != NULL; argument++) {
        if (!options_end && strcmp(*argument, "--help") == 0) {
            return print_help(verb);
        }
        if (!options_end && strcmp(*argument, "--") == 0) {
            options_end = 1;
        }
        else if (!options_end && strncmp(*argument, "--", 2) == 0) {
            if ((code = read_option(verb, request, &argument, &given, pool)) != GO_ON) {
                return code;
            }
        }
        else if (!options_end && (*argument)[0] == '-' && (*argument)[1] != '\0') {
            return mto_complain("unknown option %s; see \"mtls-oauth %s --help\"", *argument, verb->name);
        }
        else if (verb->operand == NULL || *operand != NULL) {
            return mto_complain("one argument too many; see \"mtls-oauth %s --help\"", verb->name);
        }
        else {
            *operand = *argument;
        }
    }
    for (option = verb->options; option->name != NULL; option++) {
        if ((option->flags & MTO_OPTION_REQUIRED) != 0 && (given & 1u << (option - verb->options)) == 0) {
            return mto_complain("--%s is missing; see \"mtls-oauth %s --help\"", option->name, verb->name);
        }
    }
    if (verb->operand != NULL && *operand == NULL) {
        return mto_complain("%s is missing; see \"mtls-oauth %s --help\"", verb->operand, verb->name);
    }
    return GO_ON;
}

static int run_verb(const mto_verb_t *verb, char **argument, apr_pool_t *pool)
{
    char       *request = apr_pcalloc(pool, verb->request_size + 1);
    const char *operand = NULL;
    int         code = read_arguments(verb, request, &operand, argument, pool);

    if (code == GO_ON) {
        code = verb->run(request, operand, pool);
    }
    return code;
}

/* An answer that did not reach its reader is none. */
static int finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return mto_complain("standard output cannot be written");
    }
    return code;
}

/* Called by APR where it would otherwise hand out NULL. */
static int end_without_memory(int status)
{
    exit(mto_complain("out of memory (%d)", status));
}

int main(int argc, char **argv)
{
    apr_pool_t *pool;
    size_t      i;

    if (argc < 2) {
        return print_usage(stderr);
    }
    if (strcmp(argv[1], "--help") == 0) {
        return finish(print_usage(stdout));
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("mtls-oauth " MTO_VERSION);
        return finish(MTO_EXIT_OK);
    }
    if (apr_initialize() != APR_SUCCESS || atexit(apr_terminate) != 0 || !mto_json_memory_install()
        || apr_pool_create_ex(&pool, NULL, end_without_memory, NULL) != APR_SUCCESS) {
        return mto_complain("APR cannot start");
    }
    for (i = 0; i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i]->name) == 0) {
            return finish(run_verb(verbs[i], argv + 2, pool));
        }
    }
    return mto_complain("unknown verb %s; see \"mtls-oauth --help\"", argv[1]);
}
