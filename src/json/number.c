/* Numbers are their texts; here is what the texts say, exactly, however many digits they have. */
#include "json/json_internal.h"

/* ±0.d₁d₂…dₙ × 10^point, d₁ and dₙ not 0. The digits stay where they stand in the text, a dot perhaps among them. */
struct decimal {
    bool negative;
    struct slice digits; /* empty: zero */
    int64_t point;
};

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

static bool is_blank_digit(char c)
{
    return c == '0' || c == '.';
}

static struct decimal read_decimal(struct slice text)
{
    struct decimal number = {.negative = text.data[0] == '-'};
    struct slice mantissa = slice_skip(text, number.negative);
    size_t length = 0, whole = 0;
    while (length < mantissa.length && (mantissa.data[length] | 0x20) != 'e') {
        length++;
    }
    if (length < mantissa.length) {
        number.point = read_exponent(slice_skip(mantissa, length + 1));
    }
    mantissa.length = length;
    while (whole < length && mantissa.data[whole] != '.') {
        whole++;
    }
    number.point += (int64_t)whole;
    while (mantissa.length > 0 && is_blank_digit(mantissa.data[0])) {
        number.point -= mantissa.data[0] == '0';
        mantissa = slice_skip(mantissa, 1);
    }
    while (mantissa.length > 0 && is_blank_digit(mantissa.data[mantissa.length - 1])) {
        mantissa.length--;
    }
    number.digits = mantissa;
    return number;
}

/* The next digit, 0 behind the last. */
static int next_digit(struct slice *digits)
{
    while (digits->length > 0 && digits->data[0] == '.') {
        *digits = slice_skip(*digits, 1);
    }
    if (digits->length == 0) {
        return 0;
    }
    int digit = digits->data[0] - '0';
    *digits = slice_skip(*digits, 1);
    return digit;
}

static int64_t digit_count(struct slice digits)
{
    bool has_dot = digits.length > 0 && memchr(digits.data, '.', digits.length) != NULL;
    return (int64_t)digits.length - has_dot;
}

bool json_is_whole(const struct json *value)
{
    struct slice text = json_number(value);
    if (text.data == NULL) {
        return false;
    }
    struct decimal number = read_decimal(text);
    return number.digits.length == 0 || digit_count(number.digits) <= number.point;
}

bool json_int(const struct json *value, int64_t *out)
{
    if (!json_is_whole(value)) {
        return false;
    }
    struct decimal number = read_decimal(json_number(value));
    const uint64_t most = (uint64_t)INT64_MAX + number.negative;
    uint64_t sum = 0;
    for (int64_t place = number.digits.length == 0 ? 0 : number.point; place > 0; place--) {
        unsigned digit = (unsigned)next_digit(&number.digits);
        if (sum > (most - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *out = number.negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

static int compare_magnitudes(struct decimal a, struct decimal b)
{
    if (a.point != b.point) {
        return a.point < b.point ? -1 : 1;
    }
    while (a.digits.length > 0 || b.digits.length > 0) {
        int difference = next_digit(&a.digits) - next_digit(&b.digits);
        if (difference != 0) {
            return difference < 0 ? -1 : 1;
        }
    }
    return 0;
}

static int sign(const struct decimal *number)
{
    return number->digits.length == 0 ? 0 : number->negative ? -1 : 1;
}

int json_compare_numbers(const struct json *a, const struct json *b)
{
    struct decimal first = read_decimal(json_number(a)), second = read_decimal(json_number(b));
    int sign_a = sign(&first), sign_b = sign(&second);
    if (sign_a != sign_b) {
        return sign_a < sign_b ? -1 : 1;
    }
    return sign_a == 0 ? 0 : sign_a * compare_magnitudes(first, second);
}
