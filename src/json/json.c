#include "json/json_internal.h"

enum json_type json_type(const struct json *value)
{
    switch (json_kind(value)) {
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    case YYJSON_TYPE_RAW:
        return JSON_NUMBER;
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const struct json *json_get(const struct json *object, const char *name)
{
    if (json_kind(object) != YYJSON_TYPE_OBJ) {
        return NULL;
    }
    struct slice wanted = slice_of(name);
    const struct json *found = NULL, *at = object + 1;
    for (size_t left = json_length(object); left > 0; left--) {
        if (slice_equal(json_bytes(at), wanted)) {
            found = at + 1;
        }
        at = json_after(at + 1);
    }
    return found;
}

size_t json_count(const struct json *value)
{
    return value != NULL && json_is_container(value) ? json_length(value) : 0;
}

struct slice json_string(const struct json *value)
{
    return json_kind(value) == YYJSON_TYPE_STR ? json_bytes(value) : (struct slice){NULL, 0};
}

const char *json_text(const struct json *value)
{
    struct slice string = json_string(value);
    bool is_text = string.data != NULL && memchr(string.data, '\0', string.length) == NULL;
    return is_text ? string.data : NULL;
}

struct slice json_number(const struct json *value)
{
    return json_kind(value) == YYJSON_TYPE_RAW ? json_bytes(value) : (struct slice){NULL, 0};
}

bool json_bool(const struct json *value, bool otherwise)
{
    if (json_kind(value) != YYJSON_TYPE_BOOL) {
        return otherwise;
    }
    return (value->val.tag & YYJSON_SUBTYPE_MASK) == YYJSON_SUBTYPE_TRUE;
}

struct json_iterator json_iterate(const struct json *container)
{
    size_t count = json_count(container);
    return (struct json_iterator){
            .container = container,
            .at = count > 0 ? container + 1 : NULL,
            .left = count,
    };
}

bool json_next(struct json_iterator *iterator)
{
    if (iterator->left == 0) {
        return false;
    }
    iterator->index = json_count(iterator->container) - iterator->left;
    iterator->left--;
    iterator->value = iterator->at;
    if (json_kind(iterator->container) == YYJSON_TYPE_OBJ) {
        iterator->name = json_bytes(iterator->at);
        iterator->value++;
    }
    iterator->at = json_after(iterator->value);
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    enum json_type type = json_type(a);
    if (type != json_type(b)) {
        return false;
    }
    switch (type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    case JSON_NUMBER:
    case JSON_STRING:
        return slice_equal(json_bytes(a), json_bytes(b));
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    if (json_count(a) != json_count(b)) {
        return false;
    }
    struct json_iterator in_a = json_iterate(a), in_b = json_iterate(b);
    while (json_next(&in_a) && json_next(&in_b)) {
        if (!slice_equal(in_a.name, in_b.name) || !json_equal(in_a.value, in_b.value)) {
            return false;
        }
    }
    return true;
}

/* The whole number `sum` × 10^exponent that a number's text says, `sum` without zeros at its end. */
struct decimal {
    uint64_t sum;
    int64_t exponent;
};

/* × 10 + digit. False: beyond the largest magnitude in int64_t, that of its minimum. */
static bool append_digit(struct decimal *number, unsigned digit)
{
    const uint64_t most = (uint64_t)INT64_MAX + 1;
    if (number->sum > (most - digit) / 10) {
        return false;
    }
    number->sum = number->sum * 10 + digit;
    return true;
}

/* The digits up to the exponent. Zeros wait until a digit comes that makes them count. */
static bool read_mantissa(struct slice mantissa, struct decimal *number)
{
    int64_t zeros = 0;
    bool fraction = false;
    for (size_t i = 0; i < mantissa.length; i++) {
        if (mantissa.data[i] == '.') {
            fraction = true;
            continue;
        }
        number->exponent -= fraction;
        if (mantissa.data[i] == '0') {
            zeros++;
            continue;
        }
        for (; number->sum > 0 && zeros > 0; zeros--) {
            if (!append_digit(number, 0)) {
                return false;
            }
        }
        zeros = 0;
        if (!append_digit(number, (unsigned)(mantissa.data[i] - '0'))) {
            return false;
        }
    }
    number->exponent += zeros;
    return true;
}

/* What stands behind the "e". Far beyond what any text's digits could make up for, it grows no further. */
static int64_t read_exponent(struct slice text)
{
    const int64_t enough = INT64_C(1000000000000);
    int64_t exponent = 0;
    for (size_t i = 0; i < text.length && exponent < enough; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9') {
            exponent = exponent * 10 + (text.data[i] - '0');
        }
    }
    return text.length > 0 && text.data[0] == '-' ? -exponent : exponent;
}

bool json_int(const struct json *value, int64_t *out)
{
    struct slice rest = json_number(value);
    if (rest.data == NULL) {
        return false;
    }
    bool negative = rest.data[0] == '-';
    rest = slice_skip(rest, negative);
    struct slice mantissa = rest;
    mantissa.length = 0;
    while (mantissa.length < rest.length && (rest.data[mantissa.length] | 0x20) != 'e') {
        mantissa.length++;
    }
    struct decimal number = {0, 0};
    if (mantissa.length < rest.length) {
        number.exponent = read_exponent(slice_skip(rest, mantissa.length + 1));
    }
    if (!read_mantissa(mantissa, &number)) {
        return false;
    }
    for (; number.sum > 0 && number.exponent != 0; number.exponent--) {
        if (number.exponent < 0 || !append_digit(&number, 0)) {
            return false;
        }
    }
    if (number.sum > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? (int64_t)(0 - number.sum) : (int64_t)number.sum;
    return true;
}
