#include "core/json.h"

#include <string.h>

#define NO_MEMORY "out of memory"

/* Where the string ends whose opening quotation mark is in front of `start`; length when it does not. Long strings
 * (x5c) make up most of a file of clients, so memchr does the walking. */
static size_t skip_string(const char *text, size_t length, size_t start)
{
    const char *quote;
    size_t      at = start, end, escapes;

    while (at < length && (quote = memchr(text + at, '"', length - at)) != NULL) {
        end = (size_t)(quote - text);
        for (escapes = 0; end - escapes > start && text[end - escapes - 1] == '\\';) {
            escapes++;
        }
        if (escapes % 2 == 0) {
            return end;
        }
        at = end + 1;
    }
    return length;
}

static size_t skip_space(const char *text, size_t length, size_t at)
{
    while (at < length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n')) {
        at++;
    }
    return at;
}

/* The offset behind the object or array that opens at `at`, without looking what is in it but strings and brackets;
 * length when it never closes. 0: more than `most` levels, where jansson would recurse to 2048. */
static size_t skip_value(const char *text, size_t length, size_t at, int most)
{
    int depth = 0;

    for (; at < length; at++) {
        switch (text[at]) {
        case '"':
            at = skip_string(text, length, at + 1);
            break;
        case '{':
        case '[':
            if (++depth > most) {
                return 0;
            }
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
        if (depth == 0) {
            return at < length ? at + 1 : length;
        }
    }
    return length;
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
        return NO_MEMORY;
    default:
        return "not JSON";
    }
}

/* Why what was read is not taken; NULL: it is. */
static const char *refuse(const json_t *value, const mto_json_memory_t *memory, const json_error_t *error)
{
    if (memory->denied) {
        return NO_MEMORY;
    }
    if (value == NULL) {
        return reason_of(error);
    }
    return json_is_object(value) ? NULL : "not a JSON object";
}

/* levels: of the nesting that text may have; region: where to, or NULL. */
static json_t *read_object(mto_json_region_t **region, const char *text, size_t length, int levels, const char **reason)
{
    mto_json_memory_t memory;
    json_error_t      error;
    json_t           *value;

    if (length > 0 && skip_value(text, length, skip_space(text, length, 0), levels) == 0) {
        *reason = "nested too deep";
        return NULL;
    }
    if (region != NULL ? !mto_json_memory_begin_region(&memory) : !mto_json_memory_begin(&memory)) {
        *reason = NO_MEMORY;
        return NULL;
    }
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    mto_json_memory_end(&memory);
    *reason = refuse(value, &memory, &error);
    if (*reason == NULL) {
        if (region != NULL) {
            *region = memory.region;
        }
        return value;
    }
    if (memory.region != NULL) {
        mto_json_region_free(memory.region);
    }
    else {
        json_decref(value);
    }
    return NULL;
}

json_t *mto_json_read_object(const char *text, size_t length, const char **reason)
{
    return read_object(NULL, text, length, MTO_JSON_DEPTH, reason);
}

json_t *mto_json_read_object_in(mto_json_region_t **region, const char *text, size_t length, const char **reason)
{
    *region = NULL;
    return read_object(region, text, length, MTO_JSON_DEPTH, reason);
}

int mto_json_each_object(const char *text, size_t length, mto_json_element_fn *each, void *baton, size_t *position,
                         const char **reason)
{
    size_t  at = skip_space(text, length, 0), end;
    json_t *element;
    int     go_on = 1;

    *position = 0;
    *reason = "not a JSON array";
    if (at == length || text[at] != '[') {
        return 0;
    }
    for (at = skip_space(text, length, at + 1); at < length && text[at] != ']';) {
        /* A number or a string here is read as an object, too, and refused. */
        end = skip_value(text, length, at, MTO_JSON_DEPTH - 1);
        element = read_object(NULL, text + at, (end > 0 ? end : length) - at, MTO_JSON_DEPTH - 1, reason);
        if (element == NULL) {
            return 0;
        }
        go_on = each(baton, *position, element);
        json_decref(element);
        if (!go_on) {
            *reason = NULL;
            return 0;
        }
        *position += 1;
        at = skip_space(text, length, end);
        *reason = "not JSON";
        if (at == length || (text[at] != ',' && text[at] != ']')) {
            return 0;
        }
        if (text[at] == ',') {
            at = skip_space(text, length, at + 1);
            if (at < length && text[at] == ']') {
                return 0;
            }
        }
    }
    *reason = "not JSON";
    return at < length && skip_space(text, length, at + 1) == length;
}

const char *mto_json_string(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

int mto_json_copy(const json_t *object, const char *member, char **copy)
{
    const char *text = mto_json_string(object, member);

    *copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *copy != NULL;
}
