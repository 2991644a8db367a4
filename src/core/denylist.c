#include "core/denylist.h"

#include "core/base64url.h"
#include "core/certificate.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* End of a chain. */
#define NONE UINT32_MAX

typedef struct {
    const char   *value;  /* into text */
    const char   *issuer; /* NULL: of whatever issuer */
    unsigned long line;
    uint32_t      next; /* in the chain of its bucket */
    uint8_t       kind;
} entry_t;

struct mto_denylist_t {
    atomic_uint references;
    char       *text; /* with the values in place, NUL-terminated */
    entry_t    *entries;
    size_t      count, room;
    uint32_t   *buckets;
    uint32_t    mask; /* buckets - 1 */
};

const char *mto_denied_kind_word(mto_denied_kind_t kind)
{
    static const char *const words[] = {
        [MTO_DENIED_JTI] = "jti", [MTO_DENIED_SUB] = "sub", [MTO_DENIED_CLIENT] = "client",
        [MTO_DENIED_X5T] = "x5t", [MTO_DENIED_KID] = "kid",
    };

    return words[kind];
}

/* FNV-1a. The values are the operator's own: nobody chooses them to collide. */
static uint32_t hash_of(mto_denied_kind_t kind, const char *value)
{
    uint32_t hash = 2166136261u ^ (uint32_t)kind;

    for (; *value != '\0'; value++) {
        hash = (hash ^ (unsigned char)*value) * 16777619u;
    }
    return hash;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static char *skip_space(char *at)
{
    while (is_space(*at)) {
        at++;
    }
    return at;
}

/* Takes one word off *at, in place. Returns it, or NULL with *wrong. */
static char *take_word(char **at, const char **wrong)
{
    char *from = *at, *to = *at, *word = *at;
    int   quoted = *from == '"';

    from += quoted;
    while (*from != '\0' && (quoted ? *from != '"' : !is_space(*from) && *from != '#')) {
        if (quoted && *from == '\\' && *++from != '"' && *from != '\\') {
            *wrong = "a backslash stands only before a quote or a backslash";
            return NULL;
        }
        if (!quoted && *from == '"') {
            *wrong = "a quote in the middle of a value; put the whole value in quotes";
            return NULL;
        }
        *to++ = *from++;
    }
    if (quoted && *from++ != '"') {
        *wrong = "the quotes are not closed";
        return NULL;
    }
    if (*from != '\0' && !is_space(*from) && *from != '#') {
        *wrong = "something stands right behind the quotes";
        return NULL;
    }
    /* The NUL may fall on the white space behind the word, hence what comes next is taken first. */
    *at = is_space(*from) ? from + 1 : from + strlen(from);
    *to = '\0';
    if (to == word) {
        *wrong = "the value is empty";
        return NULL;
    }
    return word;
}

/* Reads the kind in front of the colon; MTO_DENIED_KINDS: there is none. */
static mto_denied_kind_t take_kind(char **at)
{
    unsigned kind;

    for (kind = 0; kind < MTO_DENIED_KINDS; kind++) {
        const char *word = mto_denied_kind_word((mto_denied_kind_t)kind);
        size_t      length = strlen(word);

        if (strncmp(*at, word, length) == 0 && (*at)[length] == ':') {
            *at += length + 1;
            break;
        }
    }
    return (mto_denied_kind_t)kind;
}

static int is_thumbprint(const char *text)
{
    unsigned char bytes[MTO_BASE64URL_DECODED_SIZE(MTO_X5T_TEXT_LENGTH)];

    return strlen(text) == MTO_X5T_TEXT_LENGTH
           && mto_base64url_decode(bytes, text, MTO_X5T_TEXT_LENGTH) == MTO_X5T_SIZE;
}

static int has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 && *text != '\t' && *text != '\r') {
            return 1;
        }
    }
    return 0;
}

/* Reads one line into *entry; entry->value NULL: there is nothing in it. Returns NULL or what is wrong. */
static const char *read_line(entry_t *entry, char *at)
{
    static const char issuer[] = "iss=";
    const char       *wrong = NULL;

    if (has_control(at)) {
        return "a control character";
    }
    at = skip_space(at);
    if (*at == '\0' || *at == '#') {
        return NULL;
    }
    entry->kind = (uint8_t)take_kind(&at);
    if (entry->kind == MTO_DENIED_KINDS) {
        return "it begins with none of jti: sub: client: x5t: kid:";
    }
    at = skip_space(at);
    entry->value = take_word(&at, &wrong);
    if (entry->value == NULL) {
        return wrong;
    }
    if (entry->kind == MTO_DENIED_X5T && !is_thumbprint(entry->value)) {
        return "an x5t is 43 characters of base64url; \"mtls-oauth thumbprint\" shows it";
    }
    at = skip_space(at);
    if (strncmp(at, issuer, sizeof issuer - 1) == 0) {
        at += sizeof issuer - 1;
        entry->issuer = take_word(&at, &wrong);
        if (entry->issuer == NULL) {
            return wrong;
        }
        at = skip_space(at);
    }
    return *at == '\0' || *at == '#' ? NULL
                                     : "behind the value comes only iss=ISSUER; put a value with spaces in quotes";
}

/* Room for one more. */
static int grow(mto_denylist_t *list)
{
    size_t   room = list->room > 0 ? list->room * 2 : 64;
    entry_t *entries;

    if (list->count < list->room) {
        return 1;
    }
    entries = realloc(list->entries, room * sizeof *entries);
    if (entries == NULL) {
        return 0;
    }
    list->entries = entries;
    list->room = room;
    return 1;
}

/* All lines into entries. Returns NULL or what is wrong with *line. */
static const char *read_lines(mto_denylist_t *list, unsigned long *line)
{
    char *at = list->text, *end;

    for (*line = 1; at != NULL; ++*line, at = end != NULL ? end + 1 : NULL) {
        entry_t     entry = {0};
        const char *wrong;

        end = strchr(at, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        wrong = read_line(&entry, at);
        if (wrong != NULL) {
            return wrong;
        }
        if (entry.value == NULL) {
            continue;
        }
        if (!grow(list)) {
            return "out of memory";
        }
        entry.line = *line;
        list->entries[list->count++] = entry;
    }
    return NULL;
}

/* The entries into chains. Returns 0 when out of memory. */
static int build_chains(mto_denylist_t *list)
{
    uint32_t buckets = 16, i;

    while (buckets < list->count) {
        buckets *= 2;
    }
    list->buckets = malloc(buckets * sizeof *list->buckets);
    if (list->buckets == NULL) {
        return 0;
    }
    list->mask = buckets - 1;
    memset(list->buckets, 0xff, buckets * sizeof *list->buckets); /* NONE */
    for (i = 0; i < list->count; i++) {
        entry_t  *entry = &list->entries[i];
        uint32_t *bucket = &list->buckets[hash_of((mto_denied_kind_t)entry->kind, entry->value) & list->mask];

        entry->next = *bucket;
        *bucket = i;
    }
    return 1;
}

mto_denylist_t *mto_denylist_create(const char *text, size_t size, char reason[MTO_DENYLIST_REASON_SIZE])
{
    mto_denylist_t *list = calloc(1, sizeof *list);
    const char     *wrong = "out of memory";
    unsigned long   line = 0;

    if (list != NULL) {
        atomic_init(&list->references, 1);
        list->text = malloc(size + 1);
    }
    if (size > MTO_DENYLIST_BYTES) {
        wrong = "larger than 64 MiB";
    }
    else if (memchr(text, '\0', size) != NULL) {
        wrong = "a NUL in it";
    }
    else if (list != NULL && list->text != NULL) {
        memcpy(list->text, text, size);
        list->text[size] = '\0';
        wrong = read_lines(list, &line);
        if (wrong == NULL && !build_chains(list)) {
            wrong = "out of memory";
            line = 0;
        }
    }
    if (wrong == NULL) {
        return list;
    }
    if (line > 0) {
        (void)snprintf(reason, MTO_DENYLIST_REASON_SIZE, "line %lu: %s", line, wrong);
    }
    else {
        (void)snprintf(reason, MTO_DENYLIST_REASON_SIZE, "%s", wrong);
    }
    mto_denylist_release(list);
    return NULL;
}

mto_denylist_t *mto_denylist_retain(mto_denylist_t *list)
{
    if (list != NULL) {
        atomic_fetch_add_explicit(&list->references, 1, memory_order_relaxed);
    }
    return list;
}

void mto_denylist_release(mto_denylist_t *list)
{
    if (list == NULL || atomic_fetch_sub_explicit(&list->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    free(list->buckets);
    free(list->entries);
    free(list->text);
    free(list);
}

/* --- Looking up --------------------------------------------------------------------------------------------------- */

size_t mto_denylist_count(const mto_denylist_t *list)
{
    return list->count;
}

const char *mto_denylist_issuer_at(const mto_denylist_t *list, size_t i)
{
    return list->entries[i].issuer;
}

unsigned long mto_denylist_find(const mto_denylist_t *list, mto_denied_kind_t kind, const char *value,
                                const char *issuer, const char *name)
{
    uint32_t at;

    if (value == NULL) {
        return 0;
    }
    for (at = list->buckets[hash_of(kind, value) & list->mask]; at != NONE; at = list->entries[at].next) {
        const entry_t *entry = &list->entries[at];

        if (entry->kind == kind && strcmp(entry->value, value) == 0
            && (entry->issuer == NULL || strcmp(entry->issuer, issuer) == 0
                || (name != NULL && strcmp(entry->issuer, name) == 0))) {
            return entry->line;
        }
    }
    return 0;
}
