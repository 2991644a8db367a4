/* What a verb of the tool is made of, so that mtls-oauth.c can read its options, print its help and run it. */
#ifndef MTO_VERB_H
#define MTO_VERB_H

#include <apr_pools.h>
#include <stddef.h>

/* The exit codes of every verb. */
#define MTO_EXIT_OK      0
#define MTO_EXIT_REFUSED 1 /* the answer is no */
#define MTO_EXIT_USAGE   2 /* no answer: a mistake on the command line, or input that cannot be read */

/* Keeps the value of an option in a member of the verb's request. Returns NULL, or a text saying why it cannot. */
typedef const char *mto_option_fn(void *member, const char *value, apr_pool_t *pool);

#define MTO_OPTION_REQUIRED   1
#define MTO_OPTION_REPEATABLE 2

/* One option; a table of them ends with a NULL name. */
typedef struct {
    const char    *name;     /* without the dashes */
    const char    *argument; /* what the help and the complaints call its value */
    const char    *help;
    mto_option_fn *set;
    size_t         member; /* offset in the verb's request */
    int            flags;
} mto_option_t;

typedef struct {
    const char         *name;
    const char         *operand; /* what the help calls it; NULL: the verb takes none */
    const char         *summary; /* one line */
    const char         *help;    /* whole lines, printed after the options */
    const mto_option_t *options;
    size_t              request_size;
    /* request: zeroed, then filled by the options. operand: as written, NULL when the verb takes none. Returns the exit
     * code. */
    int (*run)(void *request, const char *operand, apr_pool_t *pool);
} mto_verb_t;

extern const mto_verb_t mto_thumbprint_verb;
extern const mto_verb_t mto_inspect_verb;
extern const mto_verb_t mto_check_verb;
extern const mto_verb_t mto_check_client_verb;
extern const mto_verb_t mto_verify_jws_verb;
extern const mto_verb_t mto_mint_verb;
extern const mto_verb_t mto_keygen_verb;

#endif
