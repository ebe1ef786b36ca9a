#include "sandbox/accounts/callback.h"

#include <ctype.h>

#define URL_BYTES_MAX 4096

bool callback_acceptable(const char *url)
{
    static const char *const refused[] = {
            "javascript", "data", "vbscript", "file", "blob", "about"};
    struct slice text = slice_of(url);
    if (text.length > URL_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || strchr("\"<>\\^`{|}", text.data[i])) {
            return false;
        }
    }
    /* RFC 3986 §3.1: a letter, then letters, digits and + - . */
    struct slice scheme = slice_split(&text, ':');
    if (text.data == NULL || scheme.length == 0 || !isalpha((unsigned char)scheme.data[0])) {
        return false;
    }
    for (size_t i = 0; i < scheme.length; i++) {
        if (!isalnum((unsigned char)scheme.data[i]) && strchr("+-.", scheme.data[i]) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (slice_is_nocase(scheme, refused[i])) {
            return false;
        }
    }
    bool web = slice_is_nocase(scheme, "http") || slice_is_nocase(scheme, "https");
    return slice_starts(text, "//") &&
           (!web || (text.length > 2 && strchr("/?#", text.data[2]) == NULL));
}

/* `url` up to where parameters can be appended; *fragment_out is what comes behind them, data NULL for nothing. */
static void begin_query(struct buffer *out, const char *url, struct slice *fragment_out)
{
    struct slice fragment = slice_of(url);
    struct slice base = slice_split(&fragment, '#');
    struct slice query = base;
    slice_split(&query, '?');
    buffer_add_slice(out, base);
    if (query.data == NULL) {
        buffer_add_char(out, '?');
    } else if (query.length > 0 && query.data[query.length - 1] != '&') {
        buffer_add_char(out, '&');
    }
    *fragment_out = fragment;
}

static const char *end_query(struct buffer *out, struct slice fragment)
{
    if (fragment.data != NULL) {
        buffer_add_char(out, '#');
        buffer_add_slice(out, fragment);
    }
    return buffer_text(out);
}

const char *callback_build(void *owner, const char *url, bool success,
        const char *connected_account_id, const char *legacy_app)
{
    struct slice fragment;
    struct buffer out;
    buffer_init(&out, owner, 2 * URL_BYTES_MAX);
    begin_query(&out, url, &fragment);
    buffer_printf(&out,
            legacy_app == NULL ? "status=%s&connected_account_id=%s"
                               : "status=%s&connectedAccountId=%s",
            success ? "success" : "failed", connected_account_id);
    if (legacy_app != NULL) {
        buffer_add_text(&out, "&appName=");
        buffer_add_url_encoded(&out, slice_of(legacy_app));
    }
    return end_query(&out, fragment);
}

const char *callback_to_verifier(void *owner, const char *url, const char *session_uri)
{
    struct slice fragment;
    struct buffer out;
    buffer_init(&out, owner, 2 * URL_BYTES_MAX);
    begin_query(&out, url, &fragment);
    buffer_add_text(&out, "session_uri=");
    buffer_add_url_encoded(&out, slice_of(session_uri));
    return end_query(&out, fragment);
}
