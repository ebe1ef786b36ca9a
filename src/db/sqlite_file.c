#include "db/sqlite_internal.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>

static bool bad_url(struct error *err, const char *problem)
{
    error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
            "the database URL %s; it looks like file:./data.db or file:/var/lib/data.db", problem);
    return false;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* RFC 3986 §2.1 */
static bool percent_decode(void *owner, struct slice text, const char **out, struct error *err)
{
    char *decoded = mem_strndup(owner, text.data, text.length), *end = decoded;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = text.length - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = text.length - i > 2 ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) {
                return bad_url(err, "has a % without two hexadecimal digits, or %00");
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        *end++ = c;
    }
    *end = '\0';
    *out = decoded;
    return true;
}

bool sqlite_file_path(void *owner, const char *url, const char **path_out, struct error *err)
{
    struct slice rest = slice_of(url + sizeof "file:" - 1);
    struct slice path = slice_split(&rest, '?');
    if (slice_starts(path, "//")) {
        path = slice_skip(path, 2);
        if (slice_starts(path, "localhost/")) {
            path = slice_skip(path, sizeof "localhost" - 1);
        }
        if (!slice_starts(path, "/")) {
            return bad_url(err, "names another host");
        }
    }
    if (path.length == 0 || path.data[path.length - 1] == '/') {
        return bad_url(err, "names no file");
    }
    const char *decoded = NULL;
    if (!percent_decode(owner, path, &decoded, err)) {
        return false;
    }
    *path_out = decoded[0] == '/' ? decoded : mem_printf(owner, "./%s", decoded);
    return true;
}

bool sqlite_file_create(const char *path, struct error *err)
{
    /* Not open() and close(): closing a file drops every lock that this process has on it, SQLite's too. */
    if (mknod(path, S_IFREG | S_IRUSR | S_IWUSR, 0) == 0 || errno == EEXIST) {
        return true;
    }
    int failure = errno;
    int directory = (int)(strrchr(path, '/') - path);
    if (directory == 0) {
        directory = 1;
    }
    if (failure == ENOENT || failure == ENOTDIR) {
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "the database's directory %.*s does not exist; make it first", directory, path);
    }
    return error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
            "the database file cannot be made in the directory %.*s: %s", directory, path,
            strerror(failure));
}
