#include "harness.h"

#include "../unit/certificates.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void fuzz_fail(const char *file, int line, const char *rule)
{
    (void)fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, rule);
    abort();
}

/* --- Memory: a block of a pool is one of malloc, so that the address sanitizer sees its ends -----------------------
 */

void *__wrap_apr_palloc(apr_pool_t *pool, apr_size_t size);

static apr_status_t free_block(void *block)
{
    free(block);
    return APR_SUCCESS;
}

/* The linker puts this in place of apr_palloc wherever our own code calls it (-Wl,--wrap). */
void *__wrap_apr_palloc(apr_pool_t *pool, apr_size_t size)
{
    void *block = malloc(size);

    CHECK(block != NULL);
    (void)memset(block, 0xa5, size); /* nobody may take it for zeros */
    apr_pool_cleanup_register(pool, block, free_block, apr_pool_cleanup_null);
    return block;
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

/* Where there is a leak sanitizer: what is allocated in between lives as long as the program. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* cmocka's assertions in what is shared with the unit programs end the program. */
static void begin(void)
{
    if (__lsan_disable != NULL) {
        __lsan_disable();
    }
    (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
    (void)support_pool();
    (void)fuzz_certificate();
    fuzz_prepare();
    ERR_clear_error();
    if (__lsan_enable != NULL) {
        __lsan_enable();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int  has_begun;
    apr_pool_t *pool, *whole;
    char       *copy = malloc(size);

    if (!has_begun) {
        begin();
        has_begun = 1;
    }
    CHECK(copy != NULL);
    if (size > 0) {
        (void)memcpy(copy, data, size);
    }
    CHECK(apr_pool_create(&pool, support_pool()) == APR_SUCCESS);
    whole = support_pool_change(pool);
    fuzz_one(copy, size);
    CHECK(ERR_peek_error() == 0);
    (void)support_pool_change(whole);
    apr_pool_destroy(pool);
    free(copy);
    return 0;
}

/* --- Taking inputs apart ------------------------------------------------------------------------------------------ */

const char *fuzz_line(const char **data, size_t *size, size_t *length)
{
    const char *line = *data, *end = *size > 0 ? memchr(line, '\n', *size) : NULL;
    size_t      taken;

    *length = end != NULL ? (size_t)(end - line) : *size;
    taken = *length + (end != NULL);
    *data += taken;
    *size -= taken;
    return line;
}

const char *fuzz_line_text(const char **data, size_t *size)
{
    size_t      length;
    const char *line = fuzz_line(data, size, &length);

    return fuzz_text(line, length);
}

unsigned fuzz_choice(const char **data, size_t *size, unsigned most)
{
    unsigned choice;

    if (*size == 0) {
        return 0;
    }
    choice = (unsigned char)**data % most;
    *data += 1;
    *size -= 1;
    return choice;
}

const char *fuzz_text(const char *data, size_t size)
{
    size_t length = strnlen(data, size);
    char  *text = apr_palloc(support_pool(), length + 1);

    (void)memcpy(text, data, length);
    text[length] = '\0';
    return text;
}

/* Bytes of one change. */
#define EDIT_SIZE 4

char *fuzz_edit(const char *text, size_t *length, const char *edits, size_t size)
{
    size_t room = *length + size / EDIT_SIZE, now = *length, i;
    char  *copy = apr_palloc(support_pool(), room + 1);

    (void)memcpy(copy, text, *length);
    for (i = 0; i + EDIT_SIZE <= size && now > 0; i += EDIT_SIZE) {
        const unsigned char *edit = (const unsigned char *)edits + i;
        size_t               at = ((size_t)edit[1] << 8 | edit[2]) % now;

        switch (edit[0] % 4) {
        case 0:
            copy[at] = (char)edit[3];
            break;
        case 1:
            (void)memmove(copy + at + 1, copy + at, now++ - at);
            copy[at] = (char)edit[3];
            break;
        case 2:
            (void)memmove(copy + at, copy + at + 1, --now - at);
            break;
        default:
            now = at;
        }
    }
    *length = now;
    return copy;
}

/* What stands at data[i], for i < size; NULL: itself. */
static const char *meaning_at(const char *data, size_t size, size_t i, const char *(*meaning_of)(char letter))
{
    return data[i] == '@' && i + 1 < size ? meaning_of(data[i + 1]) : NULL;
}

const char *fuzz_fill_in(const char *data, size_t *size, const char *(*meaning_of)(char letter))
{
    size_t      room = *size, i;
    const char *meaning;
    char       *filled, *to;

    for (i = 0; i < *size; i++) {
        meaning = meaning_at(data, *size, i, meaning_of);
        room += meaning != NULL ? strlen(meaning) : 0;
    }
    filled = to = apr_palloc(support_pool(), room);
    for (i = 0; i < *size; i++) {
        meaning = meaning_at(data, *size, i, meaning_of);
        if (meaning == NULL) {
            *to++ = data[i];
            continue;
        }
        (void)memcpy(to, meaning, strlen(meaning));
        to += strlen(meaning);
        i++;
    }
    *size = (size_t)(to - filled);
    return filled;
}

/* --- Rules -------------------------------------------------------------------------------------------------------- */

void fuzz_check_verdict(mto_refusal_t refusal, const mto_verdict_t *verdict)
{
    CHECK(refusal >= MTO_ADMITTED && refusal < MTO_REFUSAL_COUNT);
    CHECK(verdict->refusal == refusal);
    CHECK(mto_refusal_row(refusal)->code[0] != '\0');
    CHECK((refusal == MTO_ADMITTED) == (mto_refusal_row(refusal)->status == 200));
    CHECK(memchr(verdict->detail, '\0', sizeof verdict->detail) != NULL);
}

int fuzz_is_plain(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    json_t              *string = json_string(text); /* NULL: not UTF-8 */
    int                  is_plain = string != NULL;

    json_decref(string);
    for (; *at != '\0'; at++) {
        is_plain = is_plain && *at >= 0x20 && *at != 0x7f && !(at[0] == 0xc2 && at[1] < 0xa0);
    }
    return is_plain;
}

int fuzz_is_plain_but_cut(const char *text)
{
    size_t length = strlen(text), cut;

    for (cut = 0; cut < 4 && cut <= length; cut++) {
        if (fuzz_is_plain(fuzz_text(text, length - cut))) {
            return 1;
        }
    }
    return 0;
}

int fuzz_depth(const json_t *value)
{
    const json_t *element;
    const char   *name;
    size_t        i;
    int           deepest = 0, depth;

    if (!json_is_array(value) && !json_is_object(value)) {
        return 0;
    }
    json_array_foreach(value, i, element)
    {
        depth = fuzz_depth(element);
        deepest = depth > deepest ? depth : deepest;
    }
    json_object_foreach((json_t *)value, name, element)
    {
        depth = fuzz_depth(element);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

const mto_certificate_t *fuzz_certificate(void)
{
    static mto_certificate_t certificate;

    if (certificate.der == NULL) {
        certificate = certificate_der(certificate_make((specification_t){.common_name = "client"}));
    }
    return &certificate;
}
