/* name: what may be registered, and which certificates have a name that equals it (RFC 8705 section 2.1.2, RFC 4514,
 * RFC 4517 section 4.2.15; THREATS "Binding and client authentication"). */
#include "certificates.h"

#include "core/distinguished_name.h"
#include "core/name.h"

#include <string.h>

#define DN    MTO_NAME_DN
#define DNS   MTO_NAME_DNS
#define URI   MTO_NAME_URI
#define IP    MTO_NAME_IP
#define EMAIL MTO_NAME_EMAIL

/* --- What may be registered --------------------------------------------------------------------------------------- */

typedef struct {
    const char     *name;
    mto_name_kind_t kind;
    const char     *value;
    int             fits;
} value_t;

static const value_t values[] = {
    {"one attribute", DN, "CN=alice", 1},
    {"RFC 4514 section 4, first example", DN, "UID=jsmith,DC=example,DC=net", 1},
    {"RFC 4514 section 4, multi-valued", DN, "OU=Sales+CN=J.  Smith,DC=example,DC=net", 1},
    {"RFC 4514 section 4, escaped quotation marks", DN, "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net", 1},
    {"RFC 4514 section 4, escaped carriage return", DN, "CN=Before\\0dAfter,DC=example,DC=net", 1},
    {"RFC 4514 section 4, hex", DN, "1.3.6.1.4.1.1466.0=#04024869", 0},
    {"hex of a UTF8String", DN, "CN=#0c0548656c6c6f", 1},
    {"RFC 4514 section 4, UTF-8 by hex pairs", DN, "CN=Lu\\C4\\8Di\\C4\\87", 1},
    {"UTF-8 as it is", DN, "CN=Lu\xc4\x8di\xc4\x87", 1},
    {"blanks around", DN, " CN = alice , O = Example + OU = x ", 1},
    {"lower case", DN, "cn=alice,emailaddress=a@b", 1},
    {"OID", DN, "2.5.4.3=alice", 1},
    {"unknown OID", DN, "1.2.3.4.5=alice", 1},
    {"organizationIdentifier", DN, "organizationIdentifier=PSDDE-X", 1},
    {"E", DN, "E=a@b", 1},
    {"long name of OpenSSL in another case", DN, "COMMONNAME=alice", 1},
    {"value with '='", DN, "CN=a=b", 1},
    {"value with '#' behind the start", DN, "CN=a#b", 1},
    {"1023 bytes", DN, NULL, 1},

    {"empty", DN, "", 0},
    {"blanks alone", DN, "  ", 0},
    {"no '='", DN, "alice", 0},
    {"no type", DN, "=alice", 0},
    {"no value", DN, "CN=", 0},
    {"no value but blanks", DN, "CN=  ,O=x", 0},
    {"comma behind", DN, "CN=a,", 0},
    {"comma in front", DN, ",CN=a", 0},
    {"comma twice", DN, "CN=a,,O=b", 0},
    {"plus behind", DN, "CN=a+", 0},
    {"unknown type", DN, "FOO=a", 0},
    {"name of OpenSSL without an OID", DN, "KxGOST18=a", 0},
    {"unknown type that begins with a digit", DN, "2x=a", 0},
    {"OID with two dots in a row", DN, "1..2=a", 0},
    {"OID with a dot behind", DN, "1.2.=a", 0},
    {"OID of one number", DN, "2=a", 0},
    {"OID with a zero in front", DN, "1.02=a", 0},
    {"OID with zeros in it", DN, "1.0.2=a", 1},
    {"OID as long as it can be shown", DN,
     "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25.26.27.28.29.0=a", 1},
    {"longer OID", DN, "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25.26.27.28.29.30=a", 0},
    {"quoted (RFC 2253)", DN, "CN=\"a,b\"", 0},
    {"semicolon (RFC 1779)", DN, "CN=a;O=b", 0},
    {"OID. in front (RFC 1779)", DN, "OID.2.5.4.3=a", 0},
    {"slashes", DN, "/CN=a/O=b", 0},
    {"angle bracket", DN, "CN=a<b", 0},
    {"backslash at the end", DN, "CN=a\\", 0},
    {"backslash in front of a letter", DN, "CN=a\\xb", 0},
    {"half a hex pair", DN, "CN=a\\4", 0},
    {"NUL escaped", DN, "CN=a\\00b", 0},
    {"invalid UTF-8", DN, "CN=a\xff", 0},
    {"invalid UTF-8 by hex pairs", DN, "CN=a\\C3", 0},
    {"overlong UTF-8", DN, "CN=\\C0\\AF", 0},
    {"surrogate", DN, "CN=\\ED\\A0\\80", 0},
    {"beyond U+10FFFF", DN, "CN=\\F4\\90\\80\\80", 0},
    {"control character as it is", DN, "CN=a\rb", 0},
    {"hex cut", DN, "CN=#0c0548656c6c", 0},
    {"hex of odd length", DN, "CN=#0c0548656c6c6", 0},
    {"more behind the hex", DN, "CN=#0c0548656c6c6f00", 0},
    {"hex with a NUL", DN, "CN=#0c03610062", 0},
    {"hex of BMPString with a NUL", DN, "CN=#1e0400610000", 0},
    {"hex of an empty string", DN, "CN=#0c00", 0},
    {"hex of nothing", DN, "CN=#", 0},
    {"hex of a SEQUENCE", DN, "CN=#3000", 0},
    {"hex of a BIT STRING", DN, "CN=#03020161", 0},
    {"1024 bytes", DN, NULL, 0},

    {"host name", DNS, "client.example.com", 1},
    {"host name with '_'", DNS, "_a-b.example", 1},
    {"wildcard", DNS, "*.example.com", 0},
    {"wildcard inside", DNS, "a*.example.com", 0},
    {"dot at the end", DNS, "client.example.com.", 0},
    {"dot at the start", DNS, ".example.com", 0},
    {"two dots", DNS, "a..b", 0},
    {"blank", DNS, "a b", 0},
    {"not ASCII", DNS,
     "b\xc3\xbc"
     "cher.example",
     0},
    {"URI as DNS name", DNS, "https://a", 0},
    {"254 characters", DNS, NULL, 0},

    {"URI", URI, "urn:client:1", 1},
    {"URI with everything", URI, "https://u@h:1/p?q=%20#f", 1},
    {"relative URI", URI, "/a/b", 0},
    {"scheme alone", URI, "https:", 0},
    {"scheme that begins with a digit", URI, "1a:b", 0},
    {"blank in the URI", URI, "urn:a b", 0},
    {"URI not in ASCII", URI, "urn:\xc3\xbc", 0},
    {"wildcard in the URI", URI, "https://*.example/", 0},

    {"IPv4", IP, "192.0.2.1", 1},
    {"IPv6", IP, "2001:DB8::1", 1},
    {"IPv4 in IPv6", IP, "::ffff:192.0.2.1", 1},
    {"IPv4 with leading zero", IP, "192.0.2.01", 0},
    {"IPv4 of three parts", IP, "192.0.2", 0},
    {"IPv4 as a number", IP, "3221225985", 0},
    {"IPv4 with a mask", IP, "192.0.2.0/24", 0},
    {"IPv6 with zone", IP, "fe80::1%eth0", 0},
    {"IPv6 in brackets", IP, "[2001:db8::1]", 0},
    {"blank behind", IP, "192.0.2.1 ", 0},

    {"mail address", EMAIL, "a.b+c@Example.com", 1},
    {"no @", EMAIL, "example.com", 0},
    {"no local part", EMAIL, "@example.com", 0},
    {"no domain", EMAIL, "a@", 0},
    {"two @", EMAIL, "a@b@example.com", 0},
    {"wildcard in the mail address", EMAIL, "*@example.com", 0},
    {"blank in the mail address", EMAIL, "a b@example.com", 0},
    {"mail address not in ASCII", EMAIL, "\xc3\xbc@example.com", 0},
};

static void value_is_checked(const void *data)
{
    const value_t *row = data;
    const char    *value = row->value, *reason;

    if (value == NULL) {
        int length = row->kind == DNS ? 254 : row->fits ? 1023 : 1024;
        value = support_text("%s%s", row->kind == DNS ? "aaa" : "CN=", support_repeat("a", length - 3));
    }
    reason = mto_name_check(row->kind, value);
    if ((reason == NULL) != row->fits) {
        fail_msg("%s", reason != NULL ? reason : "accepted");
    }
}

/* --- Distinguished names ------------------------------------------------------------------------------------------ */

/* An attribute of a certificate's subject, in the order of the certificate. */
typedef struct {
    const char *attribute;
    int         type; /* 0: UTF8String */
    const char *value;
    int         length; /* 0: up to the NUL */
    int         joins;
} attribute_t;

typedef struct {
    const char *name;
    attribute_t subject[4];
    const char *registered;
    int         matches;
} subject_t;

#define BMP_ALICE "\0A\0l\0i\0c\0e"

static const subject_t subjects[] = {
    {"the same", {{"CN", 0, "alice", 0, 0}}, "CN=alice", 1},
    {"text is the reverse of the certificate",
     {{"C", 0, "DE", 0, 0}, {"O", 0, "x", 0, 0}, {"CN", 0, "a", 0, 0}},
     "CN=a,O=x,C=DE",
     1},
    {"reordered RDNs", {{"C", 0, "DE", 0, 0}, {"O", 0, "x", 0, 0}, {"CN", 0, "a", 0, 0}}, "C=DE,O=x,CN=a", 0},
    {"an RDN more in the certificate", {{"O", 0, "x", 0, 0}, {"CN", 0, "a", 0, 0}}, "CN=a", 0},
    {"an RDN less in the certificate", {{"CN", 0, "a", 0, 0}}, "CN=a,O=x", 0},
    {"a second CN behind", {{"CN", 0, "alice", 0, 0}, {"CN", 0, "mallory", 0, 0}}, "CN=alice", 0},
    {"a second CN in front", {{"CN", 0, "mallory", 0, 0}, {"CN", 0, "alice", 0, 0}}, "CN=alice", 0},
    {"prefix", {{"CN", 0, "alice2", 0, 0}}, "CN=alice", 0},
    {"another attribute", {{"OU", 0, "alice", 0, 0}}, "CN=alice", 0},

    {"one value that reads like two", {{"CN", 0, "a,O=b", 0, 0}}, "CN=a,O=b", 0},
    {"two attributes that read like one value", {{"O", 0, "b", 0, 0}, {"CN", 0, "a", 0, 0}}, "CN=a\\,O=b", 0},
    {"one value with a comma", {{"CN", 0, "a,O=b", 0, 0}}, "CN=a\\,O=b", 1},
    {"one value that reads like a multi-valued RDN", {{"CN", 0, "a+O=b", 0, 0}}, "CN=a+O=b", 0},

    {"multi-valued", {{"CN", 0, "a", 0, 0}, {"UID", 0, "1", 0, 1}}, "CN=a+UID=1", 1},
    {"multi-valued in the other order", {{"CN", 0, "a", 0, 0}, {"UID", 0, "1", 0, 1}}, "UID=1+CN=a", 1},
    {"multi-valued is not two RDNs", {{"CN", 0, "a", 0, 0}, {"UID", 0, "1", 0, 1}}, "UID=1,CN=a", 0},
    {"two RDNs are not multi-valued", {{"CN", 0, "a", 0, 0}, {"UID", 0, "1", 0, 0}}, "UID=1+CN=a", 0},
    {"multi-valued between others",
     {{"C", 0, "DE", 0, 0}, {"CN", 0, "a", 0, 0}, {"UID", 0, "1", 0, 1}, {"OU", 0, "z", 0, 0}},
     "OU=z,UID=1+CN=a,C=DE",
     1},

    {"case", {{"CN", 0, "ALICE", 0, 0}}, "CN=alice", 1},
    {"case of the type", {{"CN", 0, "alice", 0, 0}}, "cn=alice", 1},
    {"blanks around and inside", {{"CN", 0, "  alice   smith ", 0, 0}}, "CN=alice smith", 1},
    {"blank behind, escaped", {{"CN", 0, "alice", 0, 0}}, "CN=alice\\ ", 1},
    {"no blank is not one", {{"CN", 0, "alicesmith", 0, 0}}, "CN=alice smith", 0},
    {"blanks around separators", {{"O", 0, "x", 0, 0}, {"CN", 0, "a", 0, 0}}, " CN = a , O = x ", 1},
    {"PrintableString", {{"CN", V_ASN1_PRINTABLESTRING, "alice", 0, 0}}, "CN=alice", 1},
    {"BMPString", {{"CN", V_ASN1_BMPSTRING, BMP_ALICE, 10, 0}}, "CN=alice", 1},
    {"TeletexString, Latin-1", {{"CN", V_ASN1_T61STRING, "J\xfcrgen", 0, 0}}, "CN=J\xc3\xbcrgen", 1},
    {"IA5String mail address", {{"emailAddress", V_ASN1_IA5STRING, "a@b", 0, 0}}, "emailAddress=a@b", 1},
    {"E", {{"emailAddress", V_ASN1_IA5STRING, "a@b", 0, 0}}, "E=a@b", 1},
    {"uid is userId", {{"UID", 0, "1", 0, 0}}, "uid=1", 1},
    {"OID", {{"CN", 0, "alice", 0, 0}}, "2.5.4.3=alice", 1},
    {"unknown OID", {{"1.2.3.4.5", 0, "alice", 0, 0}}, "1.2.3.4.5=alice", 1},
    {"name with an underscore", {{"ct_cert_scts", 0, "a", 0, 0}}, "ct_cert_scts=a", 1},
    {"name with a slash", {{"RSA-SHA512/224", 0, "a", 0, 0}}, "RSA-SHA512/224=a", 1},
    {"organizationIdentifier", {{"organizationIdentifier", 0, "PSDDE-X", 0, 0}}, "ORGANIZATIONIDENTIFIER=PSDDE-X", 1},
    {"hex of a BMPString", {{"CN", 0, "Alice", 0, 0}}, "CN=#1e0a0041006c006900630065", 1},
    {"hex of another string type", {{"CN", 0, "Hello", 0, 0}}, "CN=#130548656c6c6f", 1},
    {"hex of a NumericString", {{"CN", V_ASN1_NUMERICSTRING, "12", 0, 0}}, "CN=#12023132", 1},
    {"NumericString is no DirectoryString", {{"CN", V_ASN1_NUMERICSTRING, "12", 0, 0}}, "CN=12", 0},
    {"escapes", {{"CN", 0, "#a \"b\" <c>;\\=+", 0, 0}}, "CN=\\#a \\\"b\\\" \\<c\\>\\;\\\\\\=\\+", 1},
    {"hex pairs", {{"CN", 0, "Lu\xc4\x8di\xc4\x87", 0, 0}}, "CN=Lu\\C4\\8di\\c4\\87", 1},
    {"case beyond ASCII differs: a limit of OpenSSL", {{"CN", 0, "\xc3\x9c", 0, 0}}, "CN=\xc3\xbc", 0},
    {"decomposed differs: a limit of OpenSSL", {{"CN", 0, "u\xcc\x88", 0, 0}}, "CN=\xc3\xbc", 0},

    {"empty subject", {{NULL, 0, NULL, 0, 0}}, "CN=alice", 0},
    {"NUL behind", {{"CN", 0, "alice\0", 6, 0}}, "CN=alice", 0},
    {"NUL inside", {{"CN", 0, "alice\0.evil", 11, 0}}, "CN=alice", 0},
    {"NUL in a BMPString", {{"CN", V_ASN1_BMPSTRING, BMP_ALICE "\0\0", 12, 0}}, "CN=alice", 0},
    {"NUL in another attribute", {{"O", 0, "\0", 1, 0}, {"CN", 0, "alice", 0, 0}}, "CN=alice", 0},
};

static X509 *with_subject(const attribute_t *attribute)
{
    X509      *certificate = certificate_make((specification_t){0});
    X509_NAME *name = X509_NAME_new();
    int        i;

    for (i = 0; i < 4 && attribute[i].attribute != NULL; i++) {
        name_add(name, attribute[i].attribute, attribute[i].type != 0 ? attribute[i].type : V_ASN1_UTF8STRING,
                 attribute[i].value, attribute[i].length > 0 ? attribute[i].length : -1, attribute[i].joins);
    }
    X509_set_subject_name(certificate, name);
    X509_NAME_free(name);
    certificate_sign(certificate, support_key(MTO_KEY_P256, 0));
    return certificate;
}

static void subject_matches_or_not(const void *data)
{
    const subject_t *row = data;

    assert_null(mto_name_check(DN, row->registered));
    assert_int_equal(mto_name_matches(with_subject(row->subject), DN, row->registered), row->matches);
}

/* Two names that are the same to the last byte. */
static void name_that_equals_nothing(const void *unused)
{
    X509_NAME *empty = X509_NAME_new(), *twin = X509_NAME_new();

    (void)unused;
    assert_false(mto_distinguished_name_equals(empty, twin));
    name_add(empty, "CN", V_ASN1_UTF8STRING, "a", -1, 0);
    name_add(twin, "CN", V_ASN1_UTF8STRING, "a", -1, 0);
    assert_true(mto_distinguished_name_equals(empty, twin));
    name_add(empty, "O", V_ASN1_UTF8STRING, "a\0b", 3, 0);
    name_add(twin, "O", V_ASN1_UTF8STRING, "a\0b", 3, 0);
    assert_int_equal(X509_NAME_cmp(empty, twin), 0);
    assert_false(mto_distinguished_name_equals(empty, twin));
    X509_NAME_free(empty);
    X509_NAME_free(twin);
}

static void text_becomes_a_name(const void *unused)
{
    X509_NAME *name = mto_distinguished_name_read(" cn = a  b\\  , o = x + 2.5.4.11=z ");
    char       text[40];

    (void)unused;
    mto_distinguished_name_describe(name, text, sizeof text);
    assert_string_equal(text, "CN=a  b\\ ,O=x+OU=z");
    X509_NAME_free(name);
    assert_null(mto_distinguished_name_read("CN"));
    assert_non_null(mto_distinguished_name_check(support_text("CN=%s", support_repeat("a", MTO_NAME_SIZE - 3))));
}

/* --- Alternative names -------------------------------------------------------------------------------------------- */

typedef struct {
    const char     *name;
    int             type; /* of the certificate's name */
    const char     *bytes;
    int             length; /* 0: up to the NUL */
    mto_name_kind_t kind;
    const char     *registered;
    int             matches;
} alternative_t;

#define IPV6_BYTES   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define MAPPED_BYTES "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"

static const alternative_t alternatives[] = {
    {"DNS", GEN_DNS, "a.example", 0, DNS, "a.example", 1},
    {"DNS in another case", GEN_DNS, "A.Example", 0, DNS, "a.eXample", 1},
    {"DNS longer", GEN_DNS, "a.example.evil", 0, DNS, "a.example", 0},
    {"DNS shorter", GEN_DNS, "a.exampl", 0, DNS, "a.example", 0},
    {"DNS with NUL behind", GEN_DNS, "a.example\0", 10, DNS, "a.example", 0},
    {"DNS with NUL and more", GEN_DNS, "a.example\0.evil", 15, DNS, "a.example", 0},
    {"DNS with a dot behind", GEN_DNS, "a.example.", 0, DNS, "a.example", 0},
    {"DNS with a blank behind", GEN_DNS, "a.example ", 0, DNS, "a.example", 0},
    {"DNS wildcard", GEN_DNS, "*.example", 0, DNS, "a.example", 0},
    {"DNS empty", GEN_DNS, "", 0, DNS, "a.example", 0},
    {"two DNS names in one", GEN_DNS, "a.example,b.example", 0, DNS, "a.example", 0},
    {"URI of the DNS name", GEN_URI, "a.example", 0, DNS, "a.example", 0},
    {"mail of the DNS name", GEN_EMAIL, "a.example", 0, DNS, "a.example", 0},

    {"URI", GEN_URI, "https://a.example/x", 0, URI, "https://a.example/x", 1},
    {"URI in another case", GEN_URI, "https://A.example/x", 0, URI, "https://a.example/x", 0},
    {"URI with a slash behind", GEN_URI, "https://a.example/x/", 0, URI, "https://a.example/x", 0},
    {"URI with another escape", GEN_URI, "https://a.example/%78", 0, URI, "https://a.example/x", 0},
    {"URI with NUL behind", GEN_URI, "https://a.example/x\0", 20, URI, "https://a.example/x", 0},
    {"DNS of the URI", GEN_DNS, "https://a.example/x", 0, URI, "https://a.example/x", 0},

    {"IPv4", GEN_IPADD, "\xc0\0\2\1", 4, IP, "192.0.2.1", 1},
    {"IPv6", GEN_IPADD, IPV6_BYTES, 16, IP, "2001:db8::1", 1},
    {"IPv6 in capitals, C5", GEN_IPADD, IPV6_BYTES, 16, IP, "2001:DB8::1", 1},
    {"IPv6 spelled otherwise, C5", GEN_IPADD, IPV6_BYTES, 16, IP, "2001:db8:0:0::1", 1},
    {"IPv6 with IPv4 in it, C5", GEN_IPADD, IPV6_BYTES, 16, IP, "2001:db8::0.0.0.1", 1},
    {"another IPv6", GEN_IPADD, IPV6_BYTES, 16, IP, "2001:db8::2", 0},
    {"mapped IPv4 for IPv4", GEN_IPADD, MAPPED_BYTES, 16, IP, "192.0.2.1", 0},
    {"IPv4 for mapped IPv4", GEN_IPADD, "\xc0\0\2\1", 4, IP, "::ffff:192.0.2.1", 0},
    {"mapped IPv4", GEN_IPADD, MAPPED_BYTES, 16, IP, "::ffff:192.0.2.1", 1},
    {"IPv4 with its mask", GEN_IPADD, "\xc0\0\2\1\xff\xff\xff\xff", 8, IP, "192.0.2.1", 0},
    {"IPv4 as text", GEN_IPADD, "192.0.2.1", 0, IP, "192.0.2.1", 0},
    {"four bytes of text", GEN_IPADD, "1::2", 4, IP, "1::2", 0},
    {"IPv4 as DNS name", GEN_DNS, "192.0.2.1", 0, IP, "192.0.2.1", 0},
    {"four bytes as DNS name", GEN_DNS, "abcd", 0, IP, "97.98.99.100", 0},
    {"no bytes", GEN_IPADD, "", 0, IP, "192.0.2.1", 0},

    {"mail", GEN_EMAIL, "Alice@Example.com", 0, EMAIL, "Alice@example.COM", 1},
    {"mail with another local part", GEN_EMAIL, "alice@example.com", 0, EMAIL, "Alice@example.com", 0},
    {"mail with NUL behind", GEN_EMAIL, "a@example.com\0", 14, EMAIL, "a@example.com", 0},
    {"mail with a second @", GEN_EMAIL, "x@a@example.com", 0, EMAIL, "a@example.com", 0},
    {"domain alone", GEN_EMAIL, "example.com", 0, EMAIL, "a@example.com", 0},
};

static X509 *with_alternatives(GENERAL_NAMES *names, int times)
{
    X509 *certificate = certificate_make((specification_t){.common_name = "a.example"});

    for (; times > 0; times--) {
        assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND), 1);
    }
    GENERAL_NAMES_free(names);
    certificate_sign(certificate, support_key(MTO_KEY_P256, 0));
    return certificate;
}

static void alternative_matches_or_not(const void *data)
{
    const alternative_t *row = data;
    GENERAL_NAMES       *names = GENERAL_NAMES_new();

    assert_null(mto_name_check(row->kind, row->registered));
    certificate_add_alternative(names, GEN_URI, "urn:first", -1);
    certificate_add_alternative(names, row->type, row->bytes, row->length > 0 ? row->length : -1);
    certificate_add_alternative(names, GEN_URI, "urn:last", -1);
    assert_int_equal(mto_name_matches(with_alternatives(names, 1), row->kind, row->registered), row->matches);
}

static GENERAL_NAMES *many_names(int count)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    int            i;

    for (i = 1; i < count; i++) {
        certificate_add_alternative(names, GEN_DNS, support_text("n%d.example", i), -1);
    }
    certificate_add_alternative(names, GEN_DNS, "a.example", -1);
    return names;
}

static void number_of_alternatives_is_bounded(const void *unused)
{
    (void)unused;
    assert_true(mto_name_matches(with_alternatives(many_names(MTO_NAME_ALTERNATIVES), 1), DNS, "a.example"));
    assert_false(mto_name_matches(with_alternatives(many_names(MTO_NAME_ALTERNATIVES + 1), 1), DNS, "a.example"));
    assert_false(mto_name_matches(with_alternatives(many_names(10000), 1), DNS, "a.example"));
}

static void extension_that_is_there_twice_is_none(const void *unused)
{
    (void)unused;
    assert_true(mto_name_matches(with_alternatives(many_names(1), 1), DNS, "a.example"));
    assert_false(mto_name_matches(with_alternatives(many_names(1), 2), DNS, "a.example"));
}

/* The CN is a.example. */
static void common_name_is_no_host_name(const void *unused)
{
    (void)unused;
    assert_false(mto_name_matches(certificate_make((specification_t){.common_name = "a.example"}), DNS, "a.example"));
    assert_false(mto_name_matches(with_alternatives(many_names(1), 1), DN, "CN=n1.example"));
}

/* --- Showing ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    attribute_t subject[4];
    size_t      size;
    const char *text;
} shown_t;

static const shown_t shown[] = {
    {"in the order of RFC 4514",
     {{"C", 0, "DE", 0, 0}, {"CN", 0, "a", 0, 0}, {"UID", 0, "1", 0, 1}},
     100,
     "UID=1+CN=a,C=DE"},
    {"escapes", {{"CN", 0, "a,b\r\n", 0, 0}}, 100, "CN=a\\,b\\0D\\0A"},
    {"UTF-8 as it is", {{"CN", 0, "Lu\xc4\x8di\xc4\x87", 0, 0}}, 100, "CN=Lu\xc4\x8di\xc4\x87"},
    {"C1 control characters", {{"CN", 0, "a\xc2\x9b", 0, 0}}, 100, "CN=a\\C2\\9B"},
    {"BMPString", {{"CN", V_ASN1_BMPSTRING, BMP_ALICE, 10, 0}}, 100, "CN=Alice"},
    {"NUL", {{"CN", 0, "a\0b", 3, 0}}, 100, "CN=a\\00b"},
    {"cut", {{"CN", 0, "alice", 0, 0}}, 6, "CN=al"},
    {"not cut inside of a character", {{"CN", 0, "a\xc4\x8d", 0, 0}}, 6, "CN=a"},
    {"empty", {{NULL, 0, NULL, 0, 0}}, 100, "none"},
};

static void subject_is_shown(const void *data)
{
    const shown_t *row = data;
    char           text[100];

    mto_name_describe(with_subject(row->subject), DN, text, row->size);
    assert_string_equal(text, row->text);
}

static void alternatives_are_shown(const void *unused)
{
    GENERAL_NAMES *names = many_names(2);
    X509          *certificate;
    char           text[100];

    (void)unused;
    certificate_add_alternative(names, GEN_DNS, "x\0\n\xff", 4);
    certificate_add_alternative(names, GEN_IPADD, IPV6_BYTES, 16);
    certificate_add_alternative(names, GEN_IPADD, "\1\2\3", 3);
    certificate = with_alternatives(names, 1);
    mto_name_describe(certificate, DNS, text, sizeof text);
    assert_string_equal(text, "n1.example, a.example, x\\00\\0A\\FF");
    mto_name_describe(certificate, IP, text, sizeof text);
    assert_string_equal(text, "2001:db8::1, \\01\\02\\03");
    mto_name_describe(certificate, URI, text, sizeof text);
    assert_string_equal(text, "none");
    mto_name_describe(certificate, DNS, text, 14);
    assert_string_equal(text, "n1.example, a");
}

static void kinds_have_the_names_of_rfc_8705(const void *unused)
{
    (void)unused;
    assert_string_equal(mto_name_member(DN), "tls_client_auth_subject_dn");
    assert_string_equal(mto_name_member(DNS), "tls_client_auth_san_dns");
    assert_string_equal(mto_name_member(URI), "tls_client_auth_san_uri");
    assert_string_equal(mto_name_member(IP), "tls_client_auth_san_ip");
    assert_string_equal(mto_name_member(EMAIL), "tls_client_auth_san_email");
    assert_string_equal(mto_name_word(EMAIL), "email");
}

int main(void)
{
    support_case("RFC 8705 section 2.1.2, members", kinds_have_the_names_of_rfc_8705);
    support_table("what may be registered", value_is_checked, TABLE(values));
    support_table("RFC 4517 section 4.2.15, distinguishedNameMatch", subject_matches_or_not, TABLE(subjects));
    support_case("empty names and names with NUL equal nothing", name_that_equals_nothing);
    support_case("RFC 4514 section 3, text becomes a name", text_becomes_a_name);
    support_table("RFC 8705 section 2.1.2, alternative names", alternative_matches_or_not, TABLE(alternatives));
    support_case("10,000 alternative names are none", number_of_alternatives_is_bounded);
    support_case("RFC 5280 section 4.2, an extension that is there twice is none",
                 extension_that_is_there_twice_is_none);
    support_case("a subject is no alternative name, nor the other way round", common_name_is_no_host_name);
    support_table("subject as RFC 4514 text", subject_is_shown, TABLE(shown));
    support_case("alternative names as text", alternatives_are_shown);
    return support_run("name");
}
