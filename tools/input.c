#include "input.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* --- Options ------------------------------------------------------------------------------------------------------ */

const char *mto_option_text(void *member, const char *value, apr_pool_t *pool)
{
    (void)pool;
    *(const char **)member = value;
    return NULL;
}

const char *mto_option_texts(void *member, const char *value, apr_pool_t *pool)
{
    apr_array_header_t **texts = member;

    if (*texts == NULL) {
        *texts = apr_array_make(pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(*texts, const char *) = value;
    return NULL;
}

/* Decimal digits and nothing else; most: the largest value. */
static int read_number(apr_int64_t *number, const char *text, apr_int64_t most)
{
    size_t length = strlen(text);

    /* 18 digits always fit. */
    if (length == 0 || length > 18 || strspn(text, "0123456789") != length) {
        return 0;
    }
    *number = apr_atoi64(text);
    return *number <= most;
}

const char *mto_option_number(void *member, const char *value, apr_pool_t *pool)
{
    apr_int64_t *number = apr_palloc(pool, sizeof *number);

    if (!read_number(number, value, MTO_LAST_SECOND)) {
        return "not a whole number of 0 or more";
    }
    *(const apr_int64_t **)member = number;
    return NULL;
}

const char *mto_option_time(void *member, const char *value, apr_pool_t *pool)
{
    apr_time_t *time = apr_palloc(pool, sizeof *time);

    if (!mto_time_read(time, value)) {
        return "neither seconds since 1970 nor a time like 2024-12-31T23:59:59Z";
    }
    *(const apr_time_t **)member = time;
    return NULL;
}

/* --- Output ------------------------------------------------------------------------------------------------------- */

int mto_complain(const char *format, ...)
{
    char    line[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    (void)fflush(stdout);
    (void)fputs("mtls-oauth: ", stderr);
    mto_print_text(stderr, line);
    (void)fputc('\n', stderr);
    return MTO_EXIT_USAGE;
}

void mto_print_text(FILE *out, const char *text)
{
    const unsigned char *at;

    for (at = (const unsigned char *)text; *at != '\0'; at++) {
        int is_c1_control = *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

        at += is_c1_control;
        (void)fputc(*at < 0x20 || *at == 0x7f || is_c1_control ? '?' : *at, out);
    }
}

int mto_print_refusal(const mto_verdict_t *verdict)
{
    const mto_refusal_row_t *row = mto_refusal_row(verdict->refusal);

    (void)printf("refused      %s\nanswer       %d%s%s\ndetail       ", row->code, row->status,
                 row->error != NULL ? " " : "", row->error != NULL ? row->error : "");
    mto_print_text(stdout, verdict->detail);
    (void)printf("\ncause        %s\nremedy       %s\n", row->cause, row->remedy);
    return MTO_EXIT_REFUSED;
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

/* Reads to the end, or one byte more than most. */
static char *read_growing(FILE *file, size_t most, size_t *length, apr_pool_t *pool)
{
    size_t room = 0, read = 0;
    char  *text = NULL, *larger;

    *length = 0;
    do {
        if (*length == room) {
            room = room == 0 ? 64 * 1024 : 2 * room;
            larger = apr_palloc(pool, room + 1);
            if (*length > 0) {
                memcpy(larger, text, *length);
            }
            text = larger;
        }
        read = fread(text + *length, 1, room - *length, file);
        *length += read;
    } while (read > 0 && *length <= most);
    text[*length] = '\0';
    return text;
}

char *mto_input_read_most(const char *path, size_t most, size_t *length, apr_pool_t *pool)
{
    int         is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    FILE       *file = is_stdin ? stdin : fopen(path, "rb");
    char       *text = NULL;

    if (file == NULL) {
        mto_complain("%s: %s", name, strerror(errno));
        return NULL;
    }
    text = read_growing(file, most, length, pool);
    if (*length > most) {
        mto_complain("%s: larger than %lu bytes", name, (unsigned long)most);
        text = NULL;
    }
    else if (ferror(file)) {
        mto_complain("%s: %s", name, strerror(errno));
        text = NULL;
    }
    if (!is_stdin) {
        (void)fclose(file);
    }
    return text;
}

char *mto_input_read(const char *path, size_t *length, apr_pool_t *pool)
{
    return mto_input_read_most(path, MTO_INPUT_SIZE, length, pool);
}

static int is_space(char c)
{
    return c != '\0' && strchr(" \t\r\n", c) != NULL;
}

const char *mto_input_token(const char *operand, size_t *length, apr_pool_t *pool)
{
    const char *text = operand;

    *length = strlen(operand);
    if (strcmp(operand, "-") == 0 && (text = mto_input_read(operand, length, pool)) == NULL) {
        return NULL;
    }
    for (; *length > 0 && is_space(*text); text++) {
        --*length;
    }
    while (*length > 0 && is_space(text[*length - 1])) {
        --*length;
    }
    if (*length == 0) {
        mto_complain("there is no token");
        return NULL;
    }
    return text;
}

/* --- The certificate ---------------------------------------------------------------------------------------------- */

/* The bytes of the first certificate of a PEM text, from pool; NULL: it has none. */
static unsigned char *der_of_pem(const char *text, size_t length, size_t *size, apr_pool_t *pool)
{
    BIO           *bio = BIO_new_mem_buf(text, (int)length);
    unsigned char *block, *der = NULL;
    char          *name, *header;
    long           block_size;

    /* Not PEM_read_bio_X509: what it gives would have to be encoded again, and the thumbprint is that of these bytes.
     */
    while (bio != NULL && der == NULL && PEM_read_bio(bio, &name, &header, &block, &block_size) == 1) {
        if (strcmp(name, PEM_STRING_X509) == 0) {
            *size = (size_t)block_size;
            der = apr_pmemdup(pool, block, *size);
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(block, (size_t)block_size);
    }
    BIO_free(bio);
    return der;
}

/* Whether der is X.509 from the first byte to the last; mto_certificate_read_der looks at the outermost header only. */
static int is_x509(const unsigned char *der, size_t size)
{
    const unsigned char *end = der;
    X509                *x509 = d2i_X509(NULL, &end, (long)size);
    int                  whole = x509 != NULL && end == der + size;

    X509_free(x509);
    return whole;
}

int mto_input_certificate(mto_certificate_t *certificate, const char *path, apr_pool_t *pool)
{
    size_t               length, size = 0;
    const char          *text = mto_input_read(path, &length, pool);
    const unsigned char *der;
    int                  ok;

    if (text == NULL) {
        return 0;
    }
    der = der_of_pem(text, length, &size, pool);
    if (der == NULL) {
        der = (const unsigned char *)text;
        size = length;
    }
    ok = mto_certificate_read_der(certificate, der, size) && is_x509(der, size);
    ERR_clear_error();
    if (!ok) {
        mto_complain("%s: no certificate in PEM or DER", strcmp(path, "-") == 0 ? "standard input" : path);
    }
    return ok;
}

mto_trust_t *mto_input_trust(const char *ca_file, const char *crl_file, apr_pool_t *pool)
{
    size_t       ca_length, crl_length = 0;
    const char  *ca = mto_input_read_most(ca_file, MTO_TRUST_CA_BYTES, &ca_length, pool), *crl = NULL, *reason;
    mto_trust_t *trust;

    if (ca == NULL
        || (crl_file != NULL
            && (crl = mto_input_read_most(crl_file, MTO_TRUST_CRL_BYTES, &crl_length, pool)) == NULL)) {
        return NULL;
    }
    trust = mto_trust_create(ca, ca_length, crl, crl_length, &reason);
    if (trust == NULL) {
        mto_complain("%s%s%s: %s", ca_file, crl != NULL ? " with " : "", crl != NULL ? crl_file : "", reason);
    }
    return trust;
}

/* --- Times -------------------------------------------------------------------------------------------------------- */

/* Reads YYYY-MM-DDThh:mm:ss[.fraction]Z. A date that the calendar does not have comes back from it as another one. */
static int read_rfc3339(apr_time_t *time, const char *text)
{
    struct tm   parts = {0}, calendar;
    apr_time_t  fraction = 0, unit = APR_USEC_PER_SEC;
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    time_t      seconds;

    /* strptime also takes short and signed numbers and white space. */
    if (at != text + 19 || strspn(text, "0123456789-T:") < 19) {
        return 0;
    }
    calendar = parts;
    seconds = timegm(&calendar);
    if (calendar.tm_mday != parts.tm_mday || calendar.tm_sec != parts.tm_sec || seconds < 0) {
        return 0;
    }
    if (*at == '.' && at[1] != 'Z') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            unit /= 10;
            fraction += unit * (*at - '0');
        }
    }
    *time = apr_time_from_sec((apr_time_t)seconds) + fraction;
    return strcmp(at, "Z") == 0;
}

int mto_time_read(apr_time_t *time, const char *text)
{
    apr_int64_t seconds;

    if (!read_number(&seconds, text, MTO_LAST_SECOND)) {
        return read_rfc3339(time, text);
    }
    *time = apr_time_from_sec(seconds);
    return 1;
}

const char *mto_time_text(char out[MTO_TIME_TEXT_SIZE], apr_time_t time)
{
    time_t    seconds = (time_t)apr_time_sec(time);
    struct tm parts;

    if (time < 0 || seconds > MTO_LAST_SECOND || gmtime_r(&seconds, &parts) == NULL
        || strftime(out, MTO_TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        (void)snprintf(out, MTO_TIME_TEXT_SIZE, "no date before the year 10000");
    }
    return out;
}
