#include "httpd/tree.h"

#include <apr_strings.h>
#include <string.h>

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int is(const ap_directive_t *directive, const char *name)
{
    return strcasecmp(directive->directive, name) == 0;
}

/* Sections that say where something holds; the others group lines, or say when. */
static int is_place(const ap_directive_t *directive)
{
    static const char *const names[] = {"<Location", "<LocationMatch", "<Directory", "<DirectoryMatch",
                                        "<Files",    "<FilesMatch",    "<Proxy",     "<ProxyMatch",
                                        "<If",       "<ElseIf",        "<Else"};
    size_t                   i;

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if (is(directive, names[i])) {
            return 1;
        }
    }
    return 0;
}

static void read_list(apr_array_header_t *all, const ap_directive_t *list, const ap_directive_t *host,
                      const ap_directive_t *place)
{
    for (; list != NULL; list = list->next) {
        mto_said_t *said = apr_array_push(all);

        said->directive = list;
        said->host = host;
        said->place = place;
        read_list(all, list->first_child, is(list, "<VirtualHost") ? list : host, is_place(list) ? list : place);
    }
}

const apr_array_header_t *mto_tree_read(apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, 200, sizeof(mto_said_t));

    read_list(all, ap_conftree, NULL, NULL);
    return all;
}

/* --- Words -------------------------------------------------------------------------------------------------------- */

int mto_said_is(const mto_said_t *said, const char *name)
{
    return is(said->directive, name);
}

int mto_said_has(const mto_said_t *said, const char *word, apr_pool_t *pool)
{
    const char *words = said->directive->args;

    while (*words != '\0') {
        if (strcasecmp(ap_getword_conf(pool, &words), word) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The arguments of a section end with its bracket. */
static const char *arguments(const ap_directive_t *directive, apr_pool_t *pool)
{
    size_t length = strlen(directive->args);

    return *directive->directive == '<' && length > 0 && directive->args[length - 1] == '>'
               ? apr_pstrmemdup(pool, directive->args, length - 1)
               : directive->args;
}

static const char *word_of(const ap_directive_t *directive, int which, apr_pool_t *pool)
{
    const char *words = arguments(directive, pool), *word = "";

    for (; which >= 0; which--) {
        word = ap_getword_conf(pool, &words);
    }
    return word;
}

const char *mto_said_word(const mto_said_t *said, int which, apr_pool_t *pool)
{
    return word_of(said->directive, which, pool);
}

const char *mto_said_where(const ap_directive_t *directive, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s:%d", directive->filename, directive->line_num);
}

const char *mto_said_place(const mto_said_t *said, apr_pool_t *pool)
{
    return said->place == NULL ? mto_said_where(said->directive, pool)
                               : apr_psprintf(pool, "%s: %s %s>", mto_said_where(said->place, pool),
                                              said->place->directive, arguments(said->place, pool));
}

/* --- Places ------------------------------------------------------------------------------------------------------- */

int mto_hosts_meet(const ap_directive_t *a, const ap_directive_t *b)
{
    return a == NULL || b == NULL || a == b;
}

/* As httpd compares them: segment by segment. */
static int is_path_below(const char *path, const char *above)
{
    size_t length = strlen(above);

    while (length > 0 && above[length - 1] == '/') {
        length--;
    }
    return strncmp(path, above, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* "~", and what httpd expands like a shell. */
static int is_pattern(const char *path)
{
    return strcmp(path, "~") == 0 || strpbrk(path, "*?[") != NULL;
}

static int matches(const char *pattern, const char *path, apr_pool_t *pool)
{
    ap_regex_t *regex = ap_pregcomp(pool, pattern, AP_REG_EXTENDED);

    return regex == NULL || ap_regexec(regex, path, 0, NULL, 0) == 0;
}

int mto_place_covers(const ap_directive_t *outer, const ap_directive_t *inner, apr_pool_t *pool)
{
    const char *pattern, *path;

    if (outer == NULL || outer == inner || inner == NULL) {
        return outer == NULL || outer == inner;
    }
    pattern = word_of(outer, 0, pool);
    path = word_of(inner, 0, pool);
    if (is(outer, "<Directory") && strcmp(pattern, "/") == 0) {
        return 0; /* what is there for safety's sake is overruled where anything is served */
    }
    if (!is(inner, "<Location") || is_pattern(path)) {
        return 1;
    }
    if (is(outer, "<Location")) {
        return is_pattern(pattern) || is_path_below(path, pattern);
    }
    return !is(outer, "<LocationMatch") || matches(pattern, path, pool);
}
