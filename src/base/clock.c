#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back; years are shifted to begin in March
 * so that the leap day is a year's last. */
static int64_t days_of_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void date_of_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static char *put_digits(char *at, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

const char *clock_format(int64_t ms, char text[static CLOCK_TEXT_SIZE])
{
    const int64_t first = -62167219200000, last = 253402300799999; /* years 0000 to 9999 */
    ms = ms < first ? first : ms > last ? last : ms;
    int64_t days = (ms >= 0 ? ms : ms - 86399999) / 86400000;
    int rest = (int)(ms - days * 86400000);
    int year, month, day;
    date_of_days(days, &year, &month, &day);
    char *at = put_digits(text, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, rest / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, rest / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, rest / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, rest % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
    return text;
}

static bool take_number(struct slice *text, size_t digits, int min, int max, int *out)
{
    if (text->length < digits) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return false;
        }
        value = value * 10 + (text->data[i] - '0');
    }
    *text = slice_skip(*text, digits);
    *out = value;
    return value >= min && value <= max;
}

static bool take_char(struct slice *text, const char *any_of)
{
    if (text->length == 0 || text->data[0] == '\0' || strchr(any_of, text->data[0]) == NULL) {
        return false;
    }
    *text = slice_skip(*text, 1);
    return true;
}

/* Milliseconds of ".678…"; further decimals are dropped. */
static bool take_fraction(struct slice *text, int *ms_out)
{
    *ms_out = 0;
    if (!take_char(text, ".")) {
        return true;
    }
    int scale = 100;
    size_t digits = 0;
    for (; text->length > 0 && text->data[0] >= '0' && text->data[0] <= '9'; digits++) {
        *ms_out += (text->data[0] - '0') * scale;
        scale /= 10;
        *text = slice_skip(*text, 1);
    }
    return digits > 0;
}

static bool take_offset(struct slice *text, int *minutes_out)
{
    *minutes_out = 0;
    if (text->length == 0 || take_char(text, "Zz")) {
        return true;
    }
    int sign = text->data[0] == '-' ? -1 : 1, hours, minutes = 0;
    if (!take_char(text, "+-") || !take_number(text, 2, 0, 23, &hours)) {
        return false;
    }
    if (text->length > 0) {
        take_char(text, ":");
        if (!take_number(text, 2, 0, 59, &minutes)) {
            return false;
        }
    }
    *minutes_out = sign * (hours * 60 + minutes);
    return true;
}

bool clock_parse(struct slice text, int64_t *ms_out)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second, ms, offset;
    if (!take_number(&text, 4, 0, 9999, &year) || !take_char(&text, "-") ||
            !take_number(&text, 2, 1, 12, &month) || !take_char(&text, "-") ||
            !take_number(&text, 2, 1, month_days[month - 1], &day) || !take_char(&text, "Tt ") ||
            !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ":") ||
            !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ":") ||
            !take_number(&text, 2, 0, 60, &second) || !take_fraction(&text, &ms) ||
            !take_offset(&text, &offset) || text.length != 0) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month == 2 && day == 29 && !leap) {
        return false;
    }
    int64_t seconds =
            days_of_date(year, month, day) * 86400 + hour * 3600 + (minute - offset) * 60 + second;
    *ms_out = seconds * 1000 + ms;
    return true;
}
