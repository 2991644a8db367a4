/* A form's body or a query, any bytes: what is found is what is found when everything is escaped, and no way to write a
 * parameter that is looked for goes by unseen. */
#include "harness.h"

#include "core/parameters.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {"client_id", "client_secret", "client_assertion"};

#define NAMES (sizeof names / sizeof names[0])

void fuzz_prepare(void)
{
}

/* Every byte as %XX. */
static char *escape(char *to, const char *text, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        to += sprintf(to, "%%%02X", (unsigned char)text[i]);
    }
    return to;
}

/* A piece of a pair, decoded and escaped again, behind `to`. */
static char *rewrite(char *to, const char *piece, size_t length)
{
    const char *decoded;
    size_t      size;

    CHECK(mto_parameters_decode(&decoded, &size, piece, length, support_pool()) == NULL);
    CHECK(size <= length && strlen(decoded) == size);
    return escape(to, decoded, size);
}

/* The form with all its names and values escaped, from the pool. */
static const char *escaped_form(const char *data, size_t size)
{
    char       *form = apr_palloc(support_pool(), 3 * size + 2), *to = form;
    const char *end = data + size, *pair, *next;

    for (pair = data; pair < end; pair = next + (next < end)) {
        const char *equals;

        next = memchr(pair, '&', (size_t)(end - pair));
        next = next != NULL ? next : end;
        equals = memchr(pair, '=', (size_t)(next - pair));
        to = rewrite(to, pair, (size_t)((equals != NULL ? equals : next) - pair));
        if (equals != NULL) {
            *to++ = '=';
            to = rewrite(to, equals + 1, (size_t)(next - equals - 1));
        }
        *to++ = '&';
    }
    *to = '\0';
    return form;
}

/* How often a name stands, in whatever case, at the start of a piece of the form: what splits at more than '&' and
 * takes names without case would find. */
static unsigned occurrences(const char *data, size_t size, const char *name)
{
    size_t   length = strlen(name), i;
    unsigned found = 0;

    for (i = 0; i + length <= size; i++) {
        int begins = i == 0 || data[i - 1] == '&' || data[i - 1] == ';';
        int ends = i + length == size || strchr("=&;", data[i + length]) != NULL;

        found += begins && ends && strncasecmp(data + i, name, length) == 0;
    }
    return found;
}

static void check_found(const mto_parameter_t *found, const char *data, size_t size)
{
    mto_parameter_t again[NAMES];
    const char     *form = escaped_form(data, size);
    size_t          i;

    for (i = 0; i < NAMES; i++) {
        CHECK((found[i].count > 0) == (found[i].value != NULL));
        CHECK(found[i].value == NULL ? found[i].length == 0 : strlen(found[i].value) == found[i].length);
        CHECK(found[i].count >= occurrences(data, size, names[i]));
    }
    /* Escaped, a semicolon hides nothing, and neither do other spellings of a name. */
    CHECK(mto_parameters_find(again, names, NAMES, form, strlen(form), support_pool()) == NULL);
    for (i = 0; i < NAMES; i++) {
        CHECK(again[i].count == found[i].count && again[i].length == found[i].length);
        CHECK(found[i].length == 0 || memcmp(again[i].value, found[i].value, found[i].length) == 0);
    }
}

/* A value of any bytes without NUL comes through, whatever it is. */
static void check_value(const char *data, size_t size)
{
    char           *form = apr_palloc(support_pool(), 3 * size + sizeof "client_id=" + sizeof "&x=1"), *to = form;
    mto_parameter_t found[NAMES];
    const char     *wrong;

    to += sprintf(to, "client_id=");
    to = escape(to, data, size);
    (void)sprintf(to, "&x=1");
    wrong = mto_parameters_find(found, names, NAMES, form, strlen(form), support_pool());
    CHECK((wrong == NULL) == (size == 0 || memchr(data, '\0', size) == NULL));
    CHECK(wrong != NULL || (found[0].count == 1 && found[0].length == size && memcmp(found[0].value, data, size) == 0));
}

void fuzz_one(const char *data, size_t size)
{
    mto_parameter_t found[NAMES];
    const char     *wrong = mto_parameters_find(found, names, NAMES, data, size, support_pool());

    if (wrong == NULL) {
        check_found(found, data, size);
    }
    else {
        CHECK(wrong[0] != '\0');
    }
    check_value(data, size);
}
