/* Prints docs/refusals.md from the refusal table: make docs. tests/build/refusals_page.sh keeps the two equal. */
#include "core/refusal.h"

#include <stdio.h>
#include <string.h>

/* Characters of a line of the page. */
#define WIDTH 118

static const char introduction[] =
    "# Refusals\n"
    "\n"
    "Every refused request has one of the codes below. Its client sees the status and, for a token, the OAuth error "
    "with\n"
    "a text that says no more than it may know (RFC 6750 section 3); the code is for you. It stands in httpd's error "
    "log\n"
    "and in the environment variable `MTLS_OAUTH_REFUSAL`, which a LogFormat shows with `%<{MTLS_OAUTH_REFUSAL}e`, and\n"
    "`mtls-oauth check` tells it. A line of the log reads:\n"
    "\n"
    "    refused <code> iss=... client=... kid=... token=<8 hex of its SHA-256> cert=<first 8 of x5t> want=<first 8>: "
    "detail\n"
    "\n"
    "| part | is |\n"
    "|---|---|\n"
    "| `iss`, `client`, `kid` | what the token says, proven or not; escaped, long values are cut |\n"
    "| `token` | which token: the first 8 hex digits of `printf %s \"$token\" \\| sha256sum`. The token itself is "
    "never "
    "logged |\n"
    "| `cert` | the certificate of the connection: the start of what `mtls-oauth thumbprint` prints for it |\n"
    "| `want` | the certificate that the token is bound to, likewise: the `x5t#S256` of its `cnf` |\n"
    "| `detail` | what was found, in words |\n"
    "\n"
    "What is not known when a request is refused is left out. Lines of one code and issuer are rate-limited; the next "
    "one\n"
    "then says how many were left out. `no_token` is logged at level debug, all others at warn.\n"
    "\n"
    "To find out more: `mtls-oauth inspect` shows what is in a token, `mtls-oauth check` takes it through every step.\n"
    "\n"
    "This page is made from the table in `src/core/refusal.c` by `make docs`.\n";

/* Prints a word so that Markdown shows it as it is. Returns how many characters that took. */
static size_t print_word(const char *word, size_t length)
{
    size_t i, printed = 0;

    for (i = 0; i < length; i++) {
        printed += (size_t)printf("%s%c", strchr("<*", word[i]) != NULL ? "\\" : "", word[i]);
    }
    return printed;
}

/* Prints a paragraph, with line breaks at the width of the page. */
static void print_paragraph(const char *label, const char *text)
{
    size_t column = (size_t)printf("\n%s", label);

    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        if (column + 1 + length > WIDTH) {
            (void)printf("\n");
            column = 0;
        }
        column += (size_t)printf("%s", column > 0 ? " " : "");
        column += print_word(text, length);
        text += length;
        text += strspn(text, " ");
    }
    (void)printf("\n");
}

static void print_refusal(const mto_refusal_row_t *row)
{
    (void)printf("\n## `%s`\n\n", row->code);
    if (row->error != NULL) {
        (void)printf("Status %d, error `%s`: \"%s\"\n", row->status, row->error, row->description);
    }
    else {
        (void)printf("Status %d, no OAuth error\n", row->status);
    }
    print_paragraph("**Cause:**", row->cause);
    print_paragraph("**Remedy:**", row->remedy);
}

int main(void)
{
    int refusal;

    (void)fputs(introduction, stdout);
    for (refusal = MTO_ADMITTED + 1; refusal < MTO_REFUSAL_COUNT; refusal++) {
        print_refusal(mto_refusal_row((mto_refusal_t)refusal));
    }
    return fflush(stdout) != 0 || ferror(stdout);
}
