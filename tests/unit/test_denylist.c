/* denylist: what a list denies, to tokens of which issuer, and which texts are no list. */
#include "support.h"

#include "core/denylist.h"

#include <stdio.h>
#include <string.h>

#define X5T "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"

static mto_denylist_t *list_of(const char *text)
{
    char            reason[MTO_DENYLIST_REASON_SIZE] = "";
    mto_denylist_t *list = mto_denylist_create(text, strlen(text), reason);

    if (list == NULL) {
        fail_msg("%s", reason);
    }
    return list;
}

/* --- What a line denies --------------------------------------------------------------------------------------------
 */

typedef struct {
    const char       *name, *text;
    mto_denied_kind_t kind;
    const char       *value, *issuer, *block;
    unsigned long     line; /* that denies it; 0: none */
} find_row_t;

static const find_row_t lookups[] = {
    {"a token", "jti:one\n", MTO_DENIED_JTI, "one", "urn:a", NULL, 1},
    {"another token", "jti:one\n", MTO_DENIED_JTI, "two", "urn:a", NULL, 0},
    {"the beginning of a token's jti", "jti:one\n", MTO_DENIED_JTI, "on", "urn:a", NULL, 0},
    {"case counts", "jti:one\n", MTO_DENIED_JTI, "One", "urn:a", NULL, 0},
    {"a subject", "\n\nsub:alice", MTO_DENIED_SUB, "alice", "urn:a", NULL, 3},
    {"a subject is no token", "sub:alice", MTO_DENIED_JTI, "alice", "urn:a", NULL, 0},
    {"a client", "client:app\n", MTO_DENIED_CLIENT, "app", "urn:a", NULL, 1},
    {"a certificate", "x5t:" X5T "\n", MTO_DENIED_X5T, X5T, "urn:a", NULL, 1},
    {"a key", "kid:k1\n", MTO_DENIED_KID, "k1", "urn:a", NULL, 1},
    {"no value", "kid:k1\n", MTO_DENIED_KID, NULL, "urn:a", NULL, 0},
    {"an empty list", "", MTO_DENIED_JTI, "one", "urn:a", NULL, 0},
    {"comments alone", "# jti:one\n   # jti:one\n", MTO_DENIED_JTI, "one", "urn:a", NULL, 0},
    {"a comment behind", "jti:one # stolen\n", MTO_DENIED_JTI, "one", "urn:a", NULL, 1},
    {"a comment right behind", "jti:one#stolen\n", MTO_DENIED_JTI, "one", "urn:a", NULL, 1},
    {"white space around", " \tjti: one \r\n", MTO_DENIED_JTI, "one", "urn:a", NULL, 1},
    {"a colon in the value", "sub:auth0:5\n", MTO_DENIED_SUB, "auth0:5", "urn:a", NULL, 1},
    {"quotes", "sub:\"Jane Doe\"\n", MTO_DENIED_SUB, "Jane Doe", "urn:a", NULL, 1},
    {"a # in quotes", "sub:\"a#b\"\n", MTO_DENIED_SUB, "a#b", "urn:a", NULL, 1},
    {"escapes in quotes", "sub:\"a\\\"b\\\\c\"\n", MTO_DENIED_SUB, "a\"b\\c", "urn:a", NULL, 1},
    {"UTF-8", "sub:J\xc3\xb6rg\n", MTO_DENIED_SUB, "J\xc3\xb6rg", "urn:a", NULL, 1},
    {"of that issuer", "sub:alice iss=urn:a\n", MTO_DENIED_SUB, "alice", "urn:a", NULL, 1},
    {"of that issuer in quotes", "sub:\"alice\" iss=\"urn:a\"\n", MTO_DENIED_SUB, "alice", "urn:a", NULL, 1},
    {"of another issuer", "sub:alice iss=urn:b\n", MTO_DENIED_SUB, "alice", "urn:a", "corp", 0},
    {"of that block", "sub:alice iss=corp\n", MTO_DENIED_SUB, "alice", "urn:a", "corp", 1},
    {"of another block", "sub:alice iss=corp\n", MTO_DENIED_SUB, "alice", "urn:a", "other", 0},
    {"of one issuer, then of all", "sub:alice iss=urn:b\nsub:alice\n", MTO_DENIED_SUB, "alice", "urn:a", NULL, 2},
    {"of two issuers", "sub:alice iss=urn:b\nsub:alice iss=urn:a # x\n", MTO_DENIED_SUB, "alice", "urn:a", NULL, 2},
};

static void value_is_denied(const void *data)
{
    const find_row_t *row = data;
    mto_denylist_t   *list = list_of(row->text);

    assert_int_equal(mto_denylist_find(list, row->kind, row->value, row->issuer, row->block), row->line);
    mto_denylist_release(list);
}

/* --- What is no list -----------------------------------------------------------------------------------------------
 */

typedef struct {
    const char *name, *text, *wanted; /* wanted: in the reason */
} broken_row_t;

static const broken_row_t broken[] = {
    {"an unknown kind", "jti:one\nuser:alice\n", "line 2: it begins with none of jti: sub: client: x5t: kid:"},
    {"no kind", "one\n", "line 1: it begins with none of"},
    {"a kind in capitals", "JTI:one\n", "line 1: it begins with none of"},
    {"no value", "# list\njti:\n", "line 2: the value is empty"},
    {"an empty value", "jti:\"\"\n", "line 1: the value is empty"},
    {"a comment for a value", "jti:#one\n", "line 1: the value is empty"},
    {"two values", "sub:Jane Doe\n", "line 1: behind the value comes only iss=ISSUER"},
    {"no issuer", "sub:alice iss=\n", "line 1: the value is empty"},
    {"two issuers", "sub:alice iss=a iss=b\n", "line 1: behind the value comes only iss=ISSUER"},
    {"open quotes", "sub:\"alice\njti:a\n", "line 1: the quotes are not closed"},
    {"a quote within", "sub:al\"ice\n", "line 1: a quote in the middle"},
    {"text behind quotes", "sub:\"al\"ice\n", "line 1: something stands right behind the quotes"},
    {"another escape", "sub:\"a\\nb\"\n", "line 1: a backslash stands only before"},
    {"a backslash at the end", "sub:\"a\\\n", "line 1: a backslash stands only before"},
    {"a control character", "sub:a\x01\n", "line 1: a control character"},
    {"an x5t in hex", "x5t:0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd\n", "line 1: an x5t is 43"},
    {"a padded x5t", "x5t:" X5T "=\n", "line 1: an x5t is 43"},
    {"an x5t with stray bits", "x5t:A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v1\n", "line 1: an x5t is 43"},
};

static void broken_list_names_the_line(const void *data)
{
    const broken_row_t *row = data;
    char                reason[MTO_DENYLIST_REASON_SIZE] = "";

    assert_null(mto_denylist_create(row->text, strlen(row->text), reason));
    if (strstr(reason, row->wanted) == NULL) {
        fail_msg("%s", reason);
    }
}

static void nul_is_refused(const void *unused)
{
    char reason[MTO_DENYLIST_REASON_SIZE] = "";

    (void)unused;
    assert_null(mto_denylist_create("jti:a\0\njti:b", 12, reason));
    assert_string_equal(reason, "a NUL in it");
}

/* --- Size and life -------------------------------------------------------------------------------------------------
 */

#define MANY 100000

static void long_list_is_quick(const void *unused)
{
    static char     text[MANY * 16];
    mto_denylist_t *list;
    apr_time_t      begin;
    size_t          used = 0;
    int             i;

    (void)unused;
    for (i = 0; i < MANY; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "jti:%d\n", i);
    }
    list = list_of(text);
    assert_int_equal(mto_denylist_count(list), MANY);
    begin = apr_time_now();
    for (i = 0; i < MANY; i++) {
        char jti[16];

        (void)snprintf(jti, sizeof jti, "%d", i);
        assert_int_equal(mto_denylist_find(list, MTO_DENIED_JTI, jti, "urn:a", NULL), i + 1);
        assert_int_equal(mto_denylist_find(list, MTO_DENIED_KID, jti, "urn:a", NULL), 0);
    }
    /* A search through the list would take half a minute and more. */
    assert_true(apr_time_now() - begin < apr_time_from_sec(2));
    mto_denylist_release(list);
}

static void last_reference_frees(const void *unused)
{
    mto_denylist_t *list = list_of("jti:one iss=urn:a\nkid:k\n");

    (void)unused;
    assert_ptr_equal(mto_denylist_retain(list), list);
    mto_denylist_release(list);
    assert_int_equal(mto_denylist_count(list), 2); /* AddressSanitizer watches */
    assert_string_equal(mto_denylist_issuer_at(list, 0), "urn:a");
    assert_null(mto_denylist_issuer_at(list, 1));
    mto_denylist_release(list);
    assert_null(mto_denylist_retain(NULL));
    mto_denylist_release(NULL);
}

int main(void)
{
    support_table("issue 6, MTLSOAuthDenyFile", value_is_denied, TABLE(lookups));
    support_table("an error names the line", broken_list_names_the_line, TABLE(broken));
    support_case("a NUL is refused", nul_is_refused);
    support_case("a look-up does not depend on the length of the list", long_list_is_quick);
    support_case("the last reference frees", last_reference_frees);
    return support_run("denylist");
}
