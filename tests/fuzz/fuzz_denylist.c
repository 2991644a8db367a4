/* A deny list. The first byte says whether the rest is a list, or a value and an issuer (a line each) of which a line
 * is written: every value can be denied, is found where it is denied, and nowhere else. */
#include "harness.h"

#include "core/denylist.h"

#include <string.h>

void fuzz_prepare(void)
{
}

static void check_list(const char *data, size_t size)
{
    char            reason[MTO_DENYLIST_REASON_SIZE];
    mto_denylist_t *list = mto_denylist_create(data, size, reason);
    size_t          lines = 1, i;

    if (list == NULL) {
        CHECK(memchr(reason, '\0', sizeof reason) != NULL && reason[0] != '\0' && fuzz_is_plain(reason));
        return;
    }
    for (i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    CHECK(mto_denylist_count(list) <= lines);
    for (i = 0; i < mto_denylist_count(list); i++) {
        CHECK(mto_denylist_issuer_at(list, i) == NULL || mto_denylist_issuer_at(list, i)[0] != '\0');
    }
    CHECK(mto_denylist_find(list, MTO_DENIED_JTI, "a value that is not in it", ISSUER, NULL) <= lines);
    mto_denylist_release(list);
}

/* A value in quotes. */
static const char *quoted(const char *value)
{
    char *text = apr_palloc(support_pool(), 2 * strlen(value) + 3), *to = text;

    *to++ = '"';
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            *to++ = '\\';
        }
        *to++ = *value;
    }
    *to++ = '"';
    *to = '\0';
    return text;
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

static void check_line(const char *data, size_t size)
{
    mto_denied_kind_t kind = (mto_denied_kind_t)fuzz_choice(&data, &size, MTO_DENIED_KINDS);
    mto_denied_kind_t other = kind == MTO_DENIED_JTI ? MTO_DENIED_SUB : MTO_DENIED_JTI;
    const char       *value = fuzz_line_text(&data, &size), *issuer = fuzz_line_text(&data, &size), *text;
    char              reason[MTO_DENYLIST_REASON_SIZE];
    mto_denylist_t   *list;

    text = support_text("# one\n%s:%s", mto_denied_kind_word(kind), quoted(value));
    if (*issuer != '\0') {
        text = support_text("%s iss=%s # two\n", text, quoted(issuer));
    }
    list = mto_denylist_create(text, strlen(text), reason);
    if (list == NULL) {
        CHECK(*value == '\0' || kind == MTO_DENIED_X5T || has_control(value) || has_control(issuer));
        return;
    }
    CHECK(mto_denylist_count(list) == 1);
    CHECK(mto_denylist_find(list, kind, value, *issuer != '\0' ? issuer : ISSUER, NULL) == 2);
    CHECK(mto_denylist_find(list, kind, value, "?", *issuer != '\0' ? issuer : NULL) == 2);
    CHECK(mto_denylist_find(list, other, value, issuer, NULL) == 0);
    CHECK(mto_denylist_find(list, kind, support_text("%sx", value), issuer, NULL) == 0);
    CHECK(mto_denylist_find(list, kind, NULL, issuer, NULL) == 0);
    if (*issuer != '\0') {
        CHECK(mto_denylist_find(list, kind, value, support_text("%sx", issuer), NULL) == 0);
    }
    mto_denylist_release(list);
}

void fuzz_one(const char *data, size_t size)
{
    (fuzz_choice(&data, &size, 2) == 0 ? check_list : check_line)(data, size);
}
