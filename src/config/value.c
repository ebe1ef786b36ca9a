/* One option's value: read, printed, described. */
#include "config/config_internal.h"

#include <arpa/inet.h>

#define TEXT_MAX_BYTES 1024
#define NO_HOST        "0.0.0.0" /* an address without one: all interfaces */

/* memcpy, since the field's type is known to the table only. */
static void set_field(
        const struct option *option, struct config *config, const void *value, size_t size)
{
    memcpy((char *)config + option->offset, value, size);
}

static void get_field(
        const struct option *option, const struct config *config, void *value, size_t size)
{
    memcpy(value, (const char *)config + option->offset, size);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits that the text begins with, up to 18, taken off it. */
static bool take_number(struct slice *text, int64_t *value_out)
{
    int64_t value = 0;
    size_t digits = 0;
    for (; digits < text->length && is_digit(text->data[digits]); digits++) {
        if (digits == 18) {
            return false;
        }
        value = value * 10 + (text->data[digits] - '0');
    }
    *text = slice_skip(*text, digits);
    *value_out = value;
    return digits > 0;
}

static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7F) {
            return false;
        }
    }
    return text.length <= TEXT_MAX_BYTES;
}

/* A name (RFC 1123 §2.1, and the underscores that container networks use) or an IPv4 address. */
static bool is_host(struct slice host)
{
    for (size_t i = 0; i < host.length; i++) {
        char c = host.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !is_digit(c) && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }
    return host.length <= 253;
}

static bool is_ipv6(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.length >= sizeof text) {
        return false;
    }
    memcpy(text, host.data, host.length);
    text[host.length] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* "host:port", "[::1]:port", or without the port, which is then -1. */
static bool split_authority(struct slice text, struct slice *host_out, int *port_out)
{
    struct slice rest = text, host;
    bool bracketed = slice_starts(text, "[");
    if (bracketed) {
        rest = slice_skip(text, 1);
        host = slice_split(&rest, ']');
    } else {
        const char *colon = text.length == 0 ? NULL : memchr(text.data, ':', text.length);
        host = text;
        host.length = colon == NULL ? text.length : (size_t)(colon - text.data);
        rest = slice_skip(text, host.length);
    }
    if (rest.data == NULL || !(bracketed ? is_ipv6(host) : is_host(host))) {
        return false;
    }
    int64_t port = -1;
    if (rest.length > 0) {
        bool has_colon = rest.data[0] == ':';
        rest = slice_skip(rest, 1);
        if (!has_colon || !take_number(&rest, &port) || port > 65535 || rest.length > 0) {
            return false;
        }
    }
    *host_out = host;
    *port_out = (int)port;
    return true;
}

static bool parse_address(const struct option *option, struct slice text, struct config *config)
{
    struct slice host;
    int port;
    if (!split_authority(text, &host, &port) || port < 0) {
        return false;
    }
    struct config_address address = {
            .host = host.length == 0 ? NO_HOST : mem_strndup(config, host.data, host.length),
            .port = port,
    };
    set_field(option, config, &address, sizeof address);
    return true;
}

/* Scheme, host, port and path only: what is appended later must not end up in a query. */
static bool is_url(struct slice text)
{
    struct slice rest = text, host;
    int port;
    if (slice_starts(text, "https://")) {
        rest = slice_skip(text, strlen("https://"));
    } else if (slice_starts(text, "http://")) {
        rest = slice_skip(text, strlen("http://"));
    } else {
        return false;
    }
    for (size_t i = 0; i < rest.length; i++) {
        char c = rest.data[i];
        if (c <= ' ' || c > '~' || strchr("\"#<>?\\^`{|}", c) != NULL) {
            return false;
        }
    }
    struct slice authority = slice_split(&rest, '/');
    return text.length <= TEXT_MAX_BYTES && split_authority(authority, &host, &port) &&
           host.length > 0 && port != 0;
}

static bool parse_text(const struct option *option, struct slice text, struct config *config)
{
    bool allowed = is_clean(text);
    if (option->kind == OPTION_URL) {
        allowed = is_url(text);
        while (text.length > 0 && text.data[text.length - 1] == '/') {
            text.length--;
        }
    } else if (option->kind == OPTION_SECRET) {
        allowed = allowed && (int64_t)text.length >= option->min;
    }
    if (!allowed) {
        return false;
    }
    const char *copy = mem_strndup(config, text.data, text.length);
    set_field(option, config, &copy, sizeof copy);
    return true;
}

static bool parse_number(const struct option *option, struct slice text, struct config *config)
{
    int64_t value;
    if (!take_number(&text, &value)) {
        return false;
    }
    if (option->kind == OPTION_DURATION) {
        text = slice_trim(text);
        int64_t scale = slice_is(text, "s") ? 1000 : slice_is(text, "m") ? 60000 : 1;
        if (scale > 1 || slice_is(text, "ms")) {
            text.length = 0;
        }
        if (value > option->max / scale) {
            return false;
        }
        value *= scale;
    }
    if (text.length > 0 || value < option->min || value > option->max) {
        return false;
    }
    set_field(option, config, &value, sizeof value);
    return true;
}

static bool parse_enum(const struct option *option, const char *text, struct config *config)
{
    struct slice rest = slice_of(option->choices);
    for (int value = 0; rest.data != NULL; value++) {
        if (slice_is_nocase(slice_split(&rest, '|'), text)) {
            set_field(option, config, &value, sizeof value);
            return true;
        }
    }
    return false;
}

bool option_parse(const struct option *option, const char *text, struct config *config)
{
    switch (option->kind) {
    case OPTION_TEXT:
    case OPTION_URL:
    case OPTION_SECRET:
        return parse_text(option, slice_of(text), config);
    case OPTION_ADDRESS:
        return parse_address(option, slice_of(text), config);
    case OPTION_INT:
    case OPTION_DURATION:
        return parse_number(option, slice_of(text), config);
    case OPTION_ENUM:
        return parse_enum(option, text, config);
    }
    return false;
}

static const char *print_address(struct config_address address, void *owner)
{
    bool is_v6 = strchr(address.host, ':') != NULL;
    return mem_printf(
            owner, "%s%s%s:%d", is_v6 ? "[" : "", address.host, is_v6 ? "]" : "", address.port);
}

static const char *print_choice(const struct option *option, int value, void *owner)
{
    struct slice rest = slice_of(option->choices), choice = slice_split(&rest, '|');
    for (; value > 0; value--) {
        choice = slice_split(&rest, '|');
    }
    return mem_strndup(owner, choice.data, choice.length);
}

const char *option_print(const struct option *option, const struct config *config, void *owner)
{
    const char *text = NULL;
    struct config_address address;
    int64_t number;
    int choice;
    switch (option->kind) {
    case OPTION_TEXT:
    case OPTION_URL:
        get_field(option, config, &text, sizeof text);
        return text;
    case OPTION_SECRET:
        break;
    case OPTION_ADDRESS:
        get_field(option, config, &address, sizeof address);
        return print_address(address, owner);
    case OPTION_INT:
    case OPTION_DURATION:
        get_field(option, config, &number, sizeof number);
        return mem_printf(owner, "%lld", (long long)number);
    case OPTION_ENUM:
        get_field(option, config, &choice, sizeof choice);
        return print_choice(option, choice, owner);
    }
    return NULL;
}

void option_describe_values(const struct option *option, struct buffer *out)
{
    struct slice rest = slice_of(option->choices);
    switch (option->kind) {
    case OPTION_TEXT:
        buffer_printf(out, "text of at most %d bytes without control characters", TEXT_MAX_BYTES);
        break;
    case OPTION_URL:
        buffer_add_text(out, "an http or https URL without user, query and fragment");
        break;
    case OPTION_SECRET:
        buffer_printf(out, "text of %d to %d bytes without control characters", (int)option->min,
                TEXT_MAX_BYTES);
        break;
    case OPTION_ADDRESS:
        buffer_add_text(out, "host:port, [IPv6]:port or :port");
        break;
    case OPTION_INT:
        buffer_printf(out, "%lld to %lld %s", (long long)option->min, (long long)option->max,
                option->unit);
        break;
    case OPTION_DURATION:
        buffer_printf(out, "%lld to %lld milliseconds, or with a unit: 2s, 1m",
                (long long)option->min, (long long)option->max);
        break;
    case OPTION_ENUM:
        buffer_add_slice(out, slice_split(&rest, '|'));
        while (rest.data != NULL) {
            struct slice choice = slice_split(&rest, '|');
            buffer_add_text(out, rest.data == NULL ? " or " : ", ");
            buffer_add_slice(out, choice);
        }
        break;
    }
}

const char *config_address_url(void *owner, struct config_address address)
{
    if (strcmp(address.host, NO_HOST) == 0 || strcmp(address.host, "::") == 0) {
        address.host = "localhost";
    }
    return mem_printf(owner, "http://%s", print_address(address, owner));
}
