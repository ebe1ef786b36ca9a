/* One URL for Prisma and for us: its parameters are libpq's, but for those that Prisma has of its own. */
#include "db/postgres_internal.h"

#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 10000
#define PARAMETERS_MAX     64

/* A parameter of the URL, decoded. */
struct parameter {
    const char *name, *value;
};

static bool url_error(struct error *err, const char *problem)
{
    return error_set(
            err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database URL %s", problem);
}

static bool decode(void *memory, struct slice text, const char **out)
{
    char *decoded = mem_array(memory, char, text.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            char digits[3] = {0}, *end = digits;
            if (i + 2 < text.length) {
                memcpy(digits, text.data + i + 1, 2);
                c = (char)strtol(digits, &end, 16);
            }
            if (end != digits + 2 || c == '\0') {
                return false;
            }
            i += 2;
        }
        decoded[length++] = c;
    }
    *out = decoded;
    return true;
}

/* Of Prisma's alone; what they ask for is done in other ways here, or not at all. */
static bool is_prismas(const char *name)
{
    static const char *const names[] = {"connection_limit", "max_connection_lifetime",
            "max_idle_connection_lifetime", "pgbouncer", "pool_timeout", "schema",
            "single_use_connections", "socket_timeout", "sslaccept", "sslidentity",
            "statement_cache_size"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *find(const struct parameter *parameters, const char *name)
{
    for (; parameters->name != NULL; parameters++) {
        if (strcmp(parameters->name, name) == 0) {
            return parameters->value;
        }
    }
    return NULL;
}

static bool split_query(
        void *memory, struct slice query, struct parameter *parameters, struct error *err)
{
    size_t count = 0;
    while (query.length > 0) {
        struct slice value = slice_split(&query, '&');
        struct slice name = slice_split(&value, '=');
        if (count == PARAMETERS_MAX) {
            return url_error(err, "has too many parameters");
        }
        if (!decode(memory, name, &parameters[count].name) ||
                !decode(memory, value, &parameters[count].value)) {
            return url_error(err, "has a parameter with a bad percent-escape");
        }
        count++;
    }
    return true;
}

/* `-c search_path="…"`, with a backslash before what would end the option (PostgreSQL's manual, 20.1.4). */
static const char *schema_option(void *memory, const char *schema)
{
    struct buffer out;
    buffer_init(&out, memory, 4096);
    buffer_add_text(&out, "-c search_path=\\\"");
    for (; *schema != '\0'; schema++) {
        if (*schema == '"') {
            buffer_add_char(&out, '"');
        }
        if (strchr(" \t\n\"\\'", *schema) != NULL) {
            buffer_add_char(&out, '\\');
        }
        buffer_add_char(&out, *schema);
    }
    buffer_add_text(&out, "\\\"");
    return buffer_text(&out);
}

/* The names and values for libpq, as they grow. A later one of a name counts. */
struct settings {
    const char **names, **values;
    size_t count;
};

static void set(struct settings *settings, const char *name, const char *value)
{
    settings->names[settings->count] = name;
    settings->values[settings->count] = value;
    settings->count++;
}

static bool set_from_prisma(void *owner, const struct parameter *parameters,
        struct settings *settings, struct postgres_address *out, struct error *err)
{
    const char *bouncer = find(parameters, "pgbouncer"), *schema = find(parameters, "schema");
    const char *accept = find(parameters, "sslaccept");
    const char *limit = find(parameters, "connection_limit");
    const char *timeout = find(parameters, "connect_timeout");
    out->bouncer = bouncer != NULL && strcmp(bouncer, "true") == 0;
    out->connection_limit = limit == NULL ? 0 : (int)strtol(limit, NULL, 10);
    int seconds = timeout == NULL ? 0 : (int)strtol(timeout, NULL, 10);
    out->connect_timeout_ms = seconds > 0 && seconds <= 600 ? seconds * 1000 : CONNECT_TIMEOUT_MS;
    if (find(parameters, "sslidentity") != NULL) {
        return url_error(err, "has sslidentity, which libpq cannot read; give sslcert and sslkey");
    }
    if (accept != NULL && strcmp(accept, "strict") == 0) {
        set(settings, "sslmode", "verify-full");
    }
    if (schema != NULL && strcmp(schema, "public") != 0) {
        if (out->bouncer) {
            return url_error(err,
                    "has a schema and pgbouncer=true: a bouncer carries no search_path, so give it"
                    " to the role (ALTER ROLE … SET search_path)");
        }
        set(settings, "options", schema_option(owner, schema));
    }
    return true;
}

/* Without the parameters that are Prisma's: libpq refuses what it does not know. */
static const char *strip(void *memory, struct slice base, const struct parameter *parameters)
{
    struct buffer url;
    char separator = '?';
    bool has_key = find(parameters, "sslkey") != NULL;
    buffer_init(&url, memory, 65536);
    buffer_add_slice(&url, base);
    for (; parameters->name != NULL; parameters++) {
        const char *name = parameters->name;
        if (is_prismas(name)) {
            continue;
        }
        /* Prisma's sslcert is the authority's; libpq's is the client's, and has a key. */
        name = strcmp(name, "sslcert") == 0 && !has_key ? "sslrootcert" : name;
        buffer_add_char(&url, separator);
        buffer_add_url_encoded(&url, slice_of(name));
        buffer_add_char(&url, '=');
        buffer_add_url_encoded(&url, slice_of(parameters->value));
        separator = '&';
    }
    return buffer_text(&url);
}

/* libpq's own complaint may hold the password. */
static bool set_from_url(void *owner, const char *url, struct settings *settings,
        struct postgres_address *out, struct error *err)
{
    const char *host = NULL, *port = NULL, *name = NULL;
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    if (options == NULL) {
        return url_error(err,
                "is not one that PostgreSQL takes: postgresql://USER:PASSWORD@HOST:5432/NAME, what"
                " is special in the password percent-encoded, and parameters that libpq or Prisma"
                " knows");
    }
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val == NULL || settings->count >= PARAMETERS_MAX) {
            continue;
        }
        const char *value = mem_strdup(owner, option->val);
        set(settings, mem_strdup(owner, option->keyword), value);
        host = strcmp(option->keyword, "host") == 0 ? value : host;
        port = strcmp(option->keyword, "port") == 0 ? value : port;
        name = strcmp(option->keyword, "dbname") == 0 ? value : name;
    }
    PQconninfoFree(options);
    out->place = mem_printf(owner, "%s:%s/%s", host == NULL ? "localhost" : host,
            port == NULL ? "5432" : port, name == NULL ? "" : name);
    return true;
}

bool postgres_address_parse(
        void *owner, const char *url, struct postgres_address *out, struct error *err)
{
    struct slice query = slice_of(url);
    struct slice base = slice_split(&query, '?');
    struct parameter *parameters = mem_array(owner, struct parameter, PARAMETERS_MAX + 1);
    struct settings settings = {
            .names = mem_array(owner, const char *, 2 * PARAMETERS_MAX),
            .values = mem_array(owner, const char *, 2 * PARAMETERS_MAX),
    };
    struct postgres_address address = {.names = settings.names, .values = settings.values};
    /* What comes later overrides. A dead network is noticed within a minute. */
    set(&settings, "application_name", "tenon");
    set(&settings, "gssencmode", "disable");
    set(&settings, "keepalives_idle", "30");
    set(&settings, "keepalives_interval", "10");
    set(&settings, "keepalives_count", "3");
    set(&settings, "tcp_user_timeout", "20000");
    if (!split_query(owner, query, parameters, err) ||
            !set_from_url(owner, strip(owner, base, parameters), &settings, &address, err) ||
            !set_from_prisma(owner, parameters, &settings, &address, err)) {
        return false;
    }
    set(&settings, "client_encoding", "UTF8");
    *out = address;
    return true;
}
