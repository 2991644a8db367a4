#include "core/json.h"

/* jansson recurses to 2048 levels before it gives up; this looks first. Strings are skipped, escapes in them honoured.
 */
static int is_too_deep(const char *text, size_t length)
{
    int    depth = 0, in_string = 0;
    size_t i;

    for (i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                i++;
            }
            else if (text[i] == '"') {
                in_string = 0;
            }
            continue;
        }
        switch (text[i]) {
        case '"':
            in_string = 1;
            break;
        case '{':
        case '[':
            if (++depth > MTO_JSON_DEPTH) {
                return 1;
            }
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
    }
    return 0;
}

/* jansson's own message quotes the input; the log must not show a token, so the cause is said in our words. */
static const char *reason_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "a member occurs twice";
    case json_error_invalid_utf8:
        return "not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character in a string";
    case json_error_numeric_overflow:
        return "a number out of range";
    case json_error_out_of_memory:
        return "out of memory";
    default:
        return "not JSON";
    }
}

json_t *mto_json_read_object(const char *text, size_t length, const char **reason)
{
    json_error_t error;
    json_t      *value;

    if (is_too_deep(text, length)) {
        *reason = "nested too deep";
        return NULL;
    }
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        *reason = reason_of(&error);
        return NULL;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        *reason = "not a JSON object";
        return NULL;
    }
    return value;
}

const char *mto_json_string(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}
