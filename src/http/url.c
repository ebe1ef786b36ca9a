/* Fields, parameters and percent-encoding of a request. */
#include "http/http.h"

struct slice http_request_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (slice_is_nocase(request->headers[i].name, name)) {
            return request->headers[i].value;
        }
    }
    return (struct slice){NULL, 0};
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool http_url_decode(void *owner, struct slice text, bool plus_is_blank, struct slice *decoded_out)
{
    char *decoded = mem_block(owner, text.length + 1, "decoded");
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            /* RFC 3986 §2.1: two hex digits. */
            int high = i + 2 < text.length ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.length ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        decoded[length++] = c;
    }
    *decoded_out = (struct slice){decoded, length};
    return true;
}

const char *http_request_parameter(struct http_request *request, const char *name)
{
    struct slice query = request->query, decoded;
    while (query.data != NULL) {
        struct slice value = slice_split(&query, '&');
        struct slice key = slice_split(&value, '=');
        if (!http_url_decode(request->memory, key, true, &key) || !slice_is(key, name)) {
            continue;
        }
        bool ok = http_url_decode(request->memory, value, true, &decoded);
        /* A NUL would hide what stands behind it. */
        return ok && memchr(decoded.data, '\0', decoded.length) == NULL ? decoded.data : NULL;
    }
    return NULL;
}
