/* mtls-oauth thumbprint: the x5t#S256 of a certificate, as a token's cnf must have it. */
#include "input.h"
#include "verb.h"

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    char              text[MTO_X5T_TEXT_LENGTH + 1];
    mto_certificate_t certificate;

    (void)request;
    if (!mto_input_certificate(&certificate, operand, pool)) {
        return MTO_EXIT_USAGE;
    }
    mto_certificate_x5t_text(&certificate, text);
    (void)puts(text);
    return MTO_EXIT_OK;
}

static const mto_option_t options[] = {{NULL, NULL, NULL, NULL, 0, 0}};

const mto_verb_t mto_thumbprint_verb = {
    .name = "thumbprint",
    .operand = "FILE|-",
    .summary = "Print the x5t#S256 thumbprint of a certificate (RFC 8705 section 3.1).",
    .help = "FILE is PEM, of which the first certificate counts, or DER; - is standard input.\n",
    .options = options,
    .request_size = 0,
    .run = run,
};
