#include "core/redirect.h"

#include "base/slice.h"

#include <ctype.h>
#include <strings.h>

#define URI_BYTES_MAX 2048

/* Schemes that a browser runs or reads itself instead of handing them to an app. */
static const char *const never[] = {"about", "blob", "data", "file", "filesystem", "http", "https",
        "javascript", "vbscript", "view-source"};

/* The characters of RFC 3986 §2, and none that browsers repair. */
static bool is_plain(struct slice uri)
{
    for (size_t i = 0; i < uri.length; i++) {
        unsigned char c = (unsigned char)uri.data[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"<>\\^`{|}", c) != NULL) {
            return false;
        }
    }
    return uri.length > 0 && uri.length <= URI_BYTES_MAX;
}

static bool is_dot(struct slice segment)
{
    size_t dots = 0;
    while (segment.length > 0) {
        size_t length = segment.data[0] == '.' ? 1 : 3;
        if (length == 3 && !slice_starts(segment, "%2e") && !slice_starts(segment, "%2E")) {
            return false;
        }
        segment = slice_skip(segment, length);
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool has_dot_segment(struct slice uri)
{
    struct slice path = uri;
    for (size_t i = 0; i < uri.length; i++) {
        if (uri.data[i] == '?' || uri.data[i] == '#') {
            path.length = i;
            break;
        }
    }
    while (path.data != NULL) {
        if (is_dot(slice_split(&path, '/'))) {
            return true;
        }
    }
    return false;
}

/* The same up to its end, then nothing, a path, a query or a fragment. An entry that ends in "://" takes what follows. */
static bool is_within(struct slice uri, struct slice entry)
{
    if (uri.length < entry.length || memcmp(uri.data, entry.data, entry.length) != 0) {
        return false;
    }
    return uri.length == entry.length || entry.data[entry.length - 1] == '/' ||
           strchr("/?#", uri.data[entry.length]) != NULL;
}

static bool is_app_scheme(struct slice scheme)
{
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (scheme.length == strlen(never[i]) &&
                strncasecmp(scheme.data, never[i], scheme.length) == 0) {
            return false;
        }
    }
    /* RFC 3986 §3.1 */
    for (size_t i = 0; i < scheme.length; i++) {
        unsigned char c = (unsigned char)scheme.data[i];
        if (!(isalpha(c) || (i > 0 && (isdigit(c) || strchr("+-.", c) != NULL)))) {
            return false;
        }
    }
    return scheme.length > 0;
}

static bool is_entry(struct slice entry)
{
    const char *end = memmem(entry.data, entry.length, "://", 3);
    if (end == NULL || !is_plain(entry) ||
            has_dot_segment(slice_skip(entry, (size_t)(end - entry.data) + 3)) ||
            memchr(entry.data, '?', entry.length) != NULL ||
            memchr(entry.data, '#', entry.length) != NULL ||
            memchr(entry.data, '@', entry.length) != NULL) {
        return false;
    }
    struct slice scheme = {entry.data, (size_t)(end - entry.data)};
    struct slice rest = slice_skip(entry, scheme.length + 3);
    if (slice_is(scheme, "http") || slice_is(scheme, "https")) {
        return rest.length > 0 && rest.data[0] != '/' && rest.data[0] != ':';
    }
    return is_app_scheme(scheme);
}

static struct slice next_entry(struct slice *list)
{
    return slice_trim(slice_split(list, ','));
}

bool redirect_list_check(const char *list, struct error *err)
{
    struct slice rest = list == NULL ? (struct slice){NULL, 0} : slice_of(list);
    while (rest.data != NULL) {
        struct slice entry = next_entry(&rest);
        if (!is_entry(entry)) {
            return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION",
                    "REDIRECT_URIS: \"%.*s\" is neither an origin such as https://app.example.com nor an app's scheme "
                    "such as myapp://",
                    entry.length > 100 ? 100 : (int)entry.length, entry.data);
        }
    }
    return true;
}

bool redirect_allowed(const char *frontend_url, const char *list, const char *uri)
{
    struct slice wanted = slice_of(uri);
    struct slice rest = list == NULL ? (struct slice){NULL, 0} : slice_of(list);
    const char *end = strstr(uri, "://");
    if (end == NULL || !is_plain(wanted) ||
            has_dot_segment(slice_skip(wanted, (size_t)(end - uri) + 3))) {
        return false;
    }
    bool allowed = is_within(wanted, slice_of(frontend_url));
    while (rest.data != NULL && !allowed) {
        allowed = is_within(wanted, next_entry(&rest));
    }
    return allowed;
}
