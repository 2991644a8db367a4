/* Two distinguished names as RFC 4514 text, a line each: what is taken equals itself, in either order, and what is
 * shown of it is taken again and is the same name. */
#include "harness.h"

#include "core/distinguished_name.h"
#include "core/name.h"

#include <string.h>

void fuzz_prepare(void)
{
}

/* Whether a value is of the one string type that equals no other, which what is shown does not tell. */
static int has_numeric(const X509_NAME *name)
{
    int i;

    for (i = 0; i < X509_NAME_entry_count(name); i++) {
        if (ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i))) == V_ASN1_NUMERICSTRING) {
            return 1;
        }
    }
    return 0;
}

/* Reads a name, checks it by itself; NULL: refused. */
static X509_NAME *check_name(const char *text)
{
    const char *wrong = mto_distinguished_name_check(text);
    X509_NAME  *name = mto_distinguished_name_read(text), *again;
    char        shown[8 * MTO_NAME_SIZE], small[20];

    CHECK((wrong == NULL) == (name != NULL));
    CHECK(strlen(text) < MTO_NAME_SIZE || wrong != NULL);
    if (name == NULL) {
        CHECK(wrong[0] != '\0');
        return NULL;
    }
    CHECK(X509_NAME_entry_count(name) > 0);
    CHECK(mto_distinguished_name_equals(name, name));
    mto_distinguished_name_describe(name, shown, sizeof shown);
    CHECK(fuzz_is_plain(shown));
    if (strlen(shown) < MTO_NAME_SIZE) {
        again = mto_distinguished_name_read(shown);
        /* OpenSSL writes a value that is just '#' without the backslash that it needs. */
        CHECK(again != NULL ? mto_distinguished_name_equals(name, again) || has_numeric(name)
                            : strstr(shown, "=#") != NULL);
        X509_NAME_free(again);
    }
    mto_distinguished_name_describe(name, small, sizeof small);
    CHECK(strlen(small) < sizeof small && fuzz_is_plain(small));
    return name;
}

void fuzz_one(const char *data, size_t size)
{
    const char *first = fuzz_line_text(&data, &size), *second = fuzz_text(data, size);
    X509_NAME  *a = check_name(first), *b = check_name(second);

    if (a != NULL && b != NULL) {
        int equal = mto_distinguished_name_equals(a, b);

        CHECK(equal == mto_distinguished_name_equals(b, a));
        CHECK(!equal || X509_NAME_entry_count(a) == X509_NAME_entry_count(b));
    }
    X509_NAME_free(a);
    X509_NAME_free(b);
}
