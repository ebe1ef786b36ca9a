#include "config/config.h"
#include "testing/test.h"

#define SECRET_32 "0123456789abcdef0123456789abcdef"

static void *owner;

static const char *const nothing[] = {NULL};

static const struct config *load(const char *const *environment, const char *dotenv)
{
    const struct config *config = NULL;
    struct error err = {0};
    bool ok = config_load(owner, environment, slice_of(dotenv), &config, &err);
    ck_assert_msg(ok, "%s", err.message);
    return config;
}

/* The line of config_describe() about a variable, behind its name. */
static const char *described(const struct config *config, const char *name)
{
    struct buffer out;
    buffer_init(&out, owner, 100000);
    config_describe(config, &out);
    struct slice rest = buffer_slice(&out);
    while (rest.data != NULL) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts(line, name) && strchr("= ", line.data[strlen(name)]) != NULL) {
            line = slice_skip(line, strlen(name));
            return mem_strndup(owner, line.data, line.length);
        }
    }
    return "absent";
}

START_TEST(defaults_are_as_documented)
{
    owner = mem_scope_new(NULL, __func__);
    const struct config *config = load(nothing, "");
    ck_assert_str_eq(config->listen.host, "127.0.0.1");
    ck_assert_int_eq(config->listen.port, 8787);
    ck_assert_int_eq(config->sandbox_listen.port, 8788);
    ck_assert_str_eq(config->database_url, "file:./tenon.db");
    ck_assert_str_eq(config->composio_base_url, "https://backend.composio.dev");
    ck_assert_ptr_null(config->composio_api_key);
    ck_assert_ptr_null(config->composio_auth_config_gmail);
    ck_assert_ptr_null(config->public_url);
    ck_assert_ptr_null(config->frontend_url);
    ck_assert_ptr_null(config->jwt_secret);
    ck_assert_str_eq(config->jwt_user_claim, "sub");
    ck_assert_int_eq(config->connect_verification, CONFIG_CONNECT_VERIFICATION_BROWSER);
    ck_assert_int_eq(config->tenon_threads, 0);
    ck_assert_int_eq(config->upstream_timeout_ms, 20000);
    ck_assert_int_eq(config->execute_timeout_ms, 60000);
    ck_assert_int_eq(config->request_timeout_ms, 90000);
    ck_assert_int_eq(config->max_body_bytes, 1048576);
    ck_assert_int_eq(config->max_batch, 20);
    ck_assert_int_eq(config->log_level, LOG_INFO);
    ck_assert_uint_eq(config->warning_count, 0);
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name, *variable, *described; /* NULL: refused */
} values[] = {
        {"host and port", "LISTEN=example.org:80", "=example.org:80 (environment)"},
        {"any free port", "LISTEN=127.0.0.1:0", "=127.0.0.1:0 (environment)"},
        {"IPv6", "LISTEN=[::1]:8080", "=[::1]:8080 (environment)"},
        {"all of IPv6", "LISTEN=[::]:8080", "=[::]:8080 (environment)"},
        {"port only", "LISTEN=:8080", "=0.0.0.0:8080 (environment)"},
        {"highest port", "LISTEN=a_b-c:65535", "=a_b-c:65535 (environment)"},
        {"no port", "LISTEN=localhost", NULL},
        {"bare port", "LISTEN=8080", NULL},
        {"empty port", "LISTEN=localhost:", NULL},
        {"port too high", "LISTEN=localhost:65536", NULL},
        {"port beyond int", "LISTEN=localhost:99999999999999999999", NULL},
        {"negative port", "LISTEN=localhost:-1", NULL},
        {"text behind the port", "LISTEN=localhost:80/", NULL},
        {"IPv6 without brackets", "LISTEN=::1:8080", NULL},
        {"IPv6 without port", "LISTEN=[::1]", NULL},
        {"bracket open", "LISTEN=[::1:8080", NULL},
        {"name in brackets", "LISTEN=[localhost]:8080", NULL},
        {"nothing in brackets", "LISTEN=[]:8080", NULL},
        {"text behind the bracket", "LISTEN=[::1]8080", NULL},
        {"very long in brackets",
                "LISTEN=[0000000000000000000000000000000000000000000000000000000::1]:1", NULL},
        {"blank in the host", "LISTEN=local host:80", NULL},
        {"URL as an address", "LISTEN=http://localhost:80", NULL},

        {"URL", "PUBLIC_URL=https://tenon.example.org", "=https://tenon.example.org (environment)"},
        {"URL with slashes behind", "PUBLIC_URL=http://a:81//", "=http://a:81 (environment)"},
        {"URL with a path", "PUBLIC_URL=https://a/b/c/", "=https://a/b/c (environment)"},
        {"URL with IPv6", "PUBLIC_URL=http://[::1]:81", "=http://[::1]:81 (environment)"},
        {"URL without scheme", "PUBLIC_URL=tenon.example.org", NULL},
        {"URL of another scheme", "PUBLIC_URL=ftp://a", NULL},
        {"URL without host", "PUBLIC_URL=https:///x", NULL},
        {"URL of nothing", "PUBLIC_URL=https://", NULL},
        {"URL with a port only", "PUBLIC_URL=https://:80", NULL},
        {"URL with port 0", "PUBLIC_URL=https://a:0", NULL},
        {"URL with a user", "PUBLIC_URL=https://user:pass@a", NULL},
        {"URL with a query", "PUBLIC_URL=https://a/?x", NULL},
        {"URL with a fragment", "PUBLIC_URL=https://a/#x", NULL},
        {"URL with a blank", "PUBLIC_URL=https://a/ b", NULL},
        {"URL with a line feed", "PUBLIC_URL=https://a/\nb", NULL},
        {"URL beyond ASCII", "PUBLIC_URL=https://\xC3\xA9", NULL},

        {"number", "MAX_BATCH=100", "=100 (environment)"},
        {"least number", "MAX_BATCH=1", "=1 (environment)"},
        {"below the least", "MAX_BATCH=0", NULL},
        {"above the most", "MAX_BATCH=101", NULL},
        {"negative", "MAX_BATCH=-1", NULL},
        {"plus sign", "MAX_BATCH=+1", NULL},
        {"blank before", "MAX_BATCH= 1", NULL},
        {"decimals", "MAX_BATCH=1.5", NULL},
        {"hexadecimal", "MAX_BATCH=0x10", NULL},
        {"unit of a number", "MAX_BATCH=1s", NULL},
        {"beyond int64", "MAX_BATCH=18446744073709551617", NULL},
        {"a word", "MAX_BATCH=many", NULL},

        {"milliseconds", "UPSTREAM_TIMEOUT_MS=250", "=250 (environment)"},
        {"milliseconds with unit", "UPSTREAM_TIMEOUT_MS=250ms", "=250 (environment)"},
        {"seconds", "UPSTREAM_TIMEOUT_MS=30 s", "=30000 (environment)"},
        {"minutes", "UPSTREAM_TIMEOUT_MS=5m", "=300000 (environment)"},
        {"too many minutes", "UPSTREAM_TIMEOUT_MS=6m", NULL},
        {"minutes beyond int64", "UPSTREAM_TIMEOUT_MS=999999999999999999m", NULL},
        {"too few milliseconds", "UPSTREAM_TIMEOUT_MS=99", NULL},
        {"hours", "UPSTREAM_TIMEOUT_MS=1h", NULL},
        {"unit only", "UPSTREAM_TIMEOUT_MS=s", NULL},

        {"choice", "CONNECT_VERIFICATION=state", "=state (environment)"},
        {"choice in capitals", "LOG_LEVEL=WARN", "=warn (environment)"},
        {"last choice", "LOG_LEVEL=error", "=error (environment)"},
        {"no choice", "LOG_LEVEL=verbose", NULL},
        {"beginning of a choice", "LOG_LEVEL=warning", NULL},
        {"all choices", "LOG_LEVEL=debug|info", NULL},

        {"text", "JWT_ISSUER=https://id.example.org/", "=https://id.example.org/ (environment)"},
        {"text with an equals sign", "JWT_ISSUER=a=b", "=a=b (environment)"},
        {"text with a line feed", "JWT_ISSUER=a\nb", NULL},
        {"secret", "JWT_SECRET=" SECRET_32, " set (environment)"},
        {"secret too short", "JWT_SECRET=0123456789abcdef0123456789abcde", NULL},
        {"secret with a line feed", "JWT_SECRET=" SECRET_32 "\n", NULL},
        {"secret without least length", "COMPOSIO_API_KEY=x", " set (environment)"},
        {"database with a password", "DATABASE_URL=postgresql://u:p@h/d", " set (environment)"},
        {"empty is not set", "MAX_BATCH=", "=20 (default)"},
        {"empty secret is not set", "JWT_SECRET=", " not set: needed by serve, token"},
};

START_TEST(value_row)
{
    owner = mem_scope_new(NULL, __func__);
    const char *const environment[] = {values[_i].variable, NULL};
    struct slice value = slice_of(values[_i].variable);
    struct slice split = slice_split(&value, '=');
    char *name = mem_strndup(owner, split.data, split.length);
    const struct config *config = NULL;
    struct error err = {0};
    bool ok = config_load(owner, environment, SLICE(""), &config, &err);
    if (values[_i].described != NULL) {
        ck_assert_msg(ok, "%s", err.message);
        ck_assert_str_eq(described(config, name), values[_i].described);
        ck_assert_uint_eq(config->warning_count, 0);
    } else {
        ck_assert(!ok);
        ck_assert_ptr_null(config);
        ck_assert_int_eq(err.code, ERROR_BAD_REQUEST);
        ck_assert_str_eq(err.reason, "BAD_CONFIGURATION");
        ck_assert(slice_starts(slice_of(err.message), mem_printf(owner, "%s must be ", name)));
        ck_assert_msg(strlen(err.message) < sizeof err.message - 1, "%s", err.message);
    }
    mem_free(owner);
}
END_TEST

START_TEST(messages_say_what_is_allowed)
{
    static const struct {
        const char *variable, *message;
    } rows[] = {
            {"MAX_BATCH=many",
                    "MAX_BATCH must be 1 to 100 calls; in the environment it is \"many\""},
            {"LOG_LEVEL=loud",
                    "LOG_LEVEL must be debug, info, warn or error; in the environment it is \"loud\""},
            {"JWT_SECRET=hush", "JWT_SECRET must be text of 32 to 1024 bytes without control "
                                "characters; in the environment it has 4 bytes"},
            {"PUBLIC_URL=http://u:hush@h",
                    "PUBLIC_URL must be an http or https URL without user, "
                    "query and fragment; in the environment it has 15 bytes"},
    };
    owner = mem_scope_new(NULL, __func__);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const environment[] = {rows[i].variable, NULL};
        const struct config *config;
        struct error err = {0};
        ck_assert(!config_load(owner, environment, SLICE(""), &config, &err));
        ck_assert_str_eq(err.message, rows[i].message);
    }
    mem_free(owner);
}
END_TEST

START_TEST(environment_comes_before_file_before_default)
{
    owner = mem_scope_new(NULL, __func__);
    const char *const environment[] = {"PATH=/bin", "MAX_BATCH=7", "LOG_LEVEL=", "odd", NULL};
    const struct config *config = load(environment,
            "MAX_BATCH=8\nLOG_LEVEL=debug\nJWT_ISSUER=first\nJWT_ISSUER=second\nOTHER=x\n");
    ck_assert_str_eq(described(config, "MAX_BATCH"), "=7 (environment)");
    ck_assert_str_eq(described(config, "LOG_LEVEL"), "=debug (.env)");
    ck_assert_str_eq(described(config, "JWT_ISSUER"), "=second (.env)");
    ck_assert_str_eq(described(config, "JWT_USER_CLAIM"), "=sub (default)");
    ck_assert_str_eq(described(config, "JWT_AUDIENCE"), " not set: not looked at");
    ck_assert_uint_eq(config->warning_count, 0);
    mem_free(owner);
}
END_TEST

START_TEST(values_outlive_what_they_were_read_from)
{
    owner = mem_scope_new(NULL, __func__);
    char variable[] = "JWT_ISSUER=issuer", file[] = "JWT_AUDIENCE=app\nJWT_USER_CLAIM='uid'";
    const char *const environment[] = {variable, NULL};
    const struct config *config = load(environment, file);
    memset(variable, 'x', sizeof variable - 1);
    memset(file, 'x', sizeof file - 1);
    ck_assert_str_eq(config->jwt_issuer, "issuer");
    ck_assert_str_eq(config->jwt_audience, "app");
    ck_assert_str_eq(config->jwt_user_claim, "uid");
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name, *variable, *warning; /* NULL: none */
} unknown[] = {
        {"left to others", "LISTENN=:80", NULL},
        {"COMPOSIO_ alone is not ours", "COMPOSIO_LOGGING=1", NULL},
        {"letter missing", "TENON_THREAD=2",
                "there is no setting TENON_THREAD; did you mean TENON_THREADS?"},
        {"prefix too much", "TENON_LISTEN=:80",
                "there is no setting TENON_LISTEN; did you mean LISTEN?"},
        {"prefix and a slip", "TENON_LOGLEVEL=info",
                "there is no setting TENON_LOGLEVEL; did you mean LOG_LEVEL?"},
        {"letters exchanged", "COMPOSIO_AUTH_CONFIG_GMIAL=ac_1",
                "there is no setting COMPOSIO_AUTH_CONFIG_GMIAL; did you mean "
                "COMPOSIO_AUTH_CONFIG_GMAIL?"},
        {"nothing near", "TENON_COLOUR_OF_THE_SCREEN=red",
                "there is no setting TENON_COLOUR_OF_THE_SCREEN"},
        {"very long",
                "TENON_ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZA="
                "1",
                "there is no setting TENON_ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"
                "HIJKLMNOPQRSTUVWXYZA"},
};

START_TEST(unknown_row)
{
    owner = mem_scope_new(NULL, __func__);
    const char *const environment[] = {unknown[_i].variable, NULL};
    const struct config *loaded[] = {load(environment, ""), load(nothing, unknown[_i].variable)};
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(loaded[i]->warning_count, unknown[_i].warning != NULL);
        if (unknown[_i].warning != NULL) {
            ck_assert_str_eq(loaded[i]->warnings[0], unknown[_i].warning);
        }
    }
    mem_free(owner);
}
END_TEST

START_TEST(timeouts_that_do_not_fit_are_mentioned)
{
    owner = mem_scope_new(NULL, __func__);
    const char *const environment[] = {"EXECUTE_TIMEOUT_MS=90s", "TENON_X=1", NULL};
    const struct config *config = load(environment, "");
    ck_assert_uint_eq(config->warning_count, 2);
    ck_assert_ptr_nonnull(strstr(config->warnings[1], "REQUEST_TIMEOUT_MS"));
    mem_free(owner);
}
END_TEST

START_TEST(bad_file_is_refused_with_its_line)
{
    owner = mem_scope_new(NULL, __func__);
    const struct config *config = NULL;
    struct error err = {0};
    ck_assert(!config_load(owner, nothing, SLICE("A=1\n\nhush hush\n"), &config, &err));
    ck_assert_str_eq(err.message, "line 3 of .env is not NAME=value");
    ck_assert(!config_load(owner, nothing, SLICE("MAX_BATCH=0"), &config, &err));
    ck_assert_str_eq(err.message, "MAX_BATCH must be 1 to 100 calls; in .env it is \"0\"");
    ck_assert_uint_eq(talloc_total_blocks(owner), 1);
    mem_free(owner);
}
END_TEST

START_TEST(required_variables)
{
    owner = mem_scope_new(NULL, __func__);
    const char *const environment[] = {"COMPOSIO_API_KEY=key", NULL};
    const struct config *config = load(environment, "");
    struct error err = {0};
    ck_assert(config_require(config, "COMPOSIO_API_KEY", &err));
    ck_assert(config_require(config, "DATABASE_URL", &err));
    ck_assert(!config_require(config, "JWT_SECRET", &err));
    ck_assert(config_is_given(config, "COMPOSIO_API_KEY"));
    ck_assert(!config_is_given(config, "DATABASE_URL"));
    ck_assert_int_eq(err.code, ERROR_PRECONDITION_FAILED);
    ck_assert_str_eq(err.reason, "NOT_CONFIGURED");
    ck_assert(slice_starts(slice_of(err.message), "JWT_SECRET is not set."));
    mem_free(owner);
}
END_TEST

static size_t count_lines(struct slice text, const char *beginning)
{
    size_t count = 0;
    while (text.data != NULL) {
        count += slice_starts(slice_split(&text, '\n'), beginning);
    }
    return count;
}

START_TEST(help_and_docs_have_every_option)
{
    static const char *const names[] = {
#define TEXT(group, name, ...)     #name,
#define URL(group, name, ...)      #name,
#define SECRET(group, name, ...)   #name,
#define ADDRESS(group, name, ...)  #name,
#define INT(group, name, ...)      #name,
#define DURATION(group, name, ...) #name,
#define ENUM(group, name, ...)     #name,
#include "config/options.def"
    };
    owner = mem_scope_new(NULL, __func__);
    struct buffer help, docs, shown;
    buffer_init(&help, owner, 100000);
    buffer_init(&docs, owner, 100000);
    buffer_init(&shown, owner, 100000);
    config_help(&help, NULL);
    config_markdown(&docs);
    config_describe(load(nothing, ""), &shown);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t lines = count_lines(buffer_slice(&help), mem_printf(owner, "  %s", names[i]));
        ck_assert_msg(lines >= 1, "%s", names[i]);
        lines = count_lines(buffer_slice(&docs), mem_printf(owner, "| `%s` | ", names[i]));
        ck_assert_uint_eq(lines, 1);
        ck_assert_str_ne(described(load(nothing, ""), names[i]), "absent");
    }
    /* Each group is one heading: its options stand together. */
    ck_assert_uint_eq(count_lines(buffer_slice(&docs), "## "), 7);
    ck_assert_ptr_null(strstr(buffer_text(&help), "(null)"));
    ck_assert_ptr_null(strstr(buffer_text(&docs), "(null)"));
    ck_assert_ptr_null(strstr(buffer_text(&shown), "(null)"));
    mem_free(owner);
}
END_TEST

START_TEST(help_of_a_verb_has_what_it_uses)
{
    owner = mem_scope_new(NULL, __func__);
    struct buffer help;
    buffer_init(&help, owner, 100000);
    config_help(&help, "sandbox");
    ck_assert_str_eq(buffer_text(&help),
            "Addresses:\n"
            "  SANDBOX_LISTEN\n"
            "      Where the emulator of Composio listens.\n"
            "      host:port, [IPv6]:port or :port; default 127.0.0.1:8788\n"
            "  SANDBOX_CONSENT_LISTEN\n"
            "      Where the emulator has its consent pages, as a provider of its own that keeps the "
            "app's window away from the popup (COOP).\n"
            "      host:port, [IPv6]:port or :port; when not set: at SANDBOX_LISTEN\n"
            "\n"
            "Log:\n"
            "  LOG_LEVEL\n"
            "      The least important lines that are written to standard error.\n"
            "      debug, info, warn or error; default info\n"
            "  SANDBOX_TRACE\n"
            "      A file to which the emulator of Composio adds a line of JSON for each request: "
            "what was sent and answered, secrets masked.\n"
            "      text; when not set: none is kept\n");
    mem_free(owner);
}
END_TEST

START_TEST(addresses_become_urls)
{
    owner = mem_scope_new(NULL, __func__);
    static const struct {
        struct config_address address;
        const char *url;
    } rows[] = {
            {{"127.0.0.1", 8787}, "http://127.0.0.1:8787"},
            {{"::1", 80}, "http://[::1]:80"},
            {{"0.0.0.0", 8787}, "http://localhost:8787"},
            {{"::", 8787}, "http://localhost:8787"},
            {{"tenon", 1}, "http://tenon:1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_str_eq(config_address_url(owner, rows[i].address), rows[i].url);
    }
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, defaults_are_as_documented);
    TEST_ADD_ROWS(suite, value_row, values);
    TEST_ADD(suite, messages_say_what_is_allowed);
    TEST_ADD(suite, environment_comes_before_file_before_default);
    TEST_ADD(suite, values_outlive_what_they_were_read_from);
    TEST_ADD_ROWS(suite, unknown_row, unknown);
    TEST_ADD(suite, timeouts_that_do_not_fit_are_mentioned);
    TEST_ADD(suite, bad_file_is_refused_with_its_line);
    TEST_ADD(suite, required_variables);
    TEST_ADD(suite, help_and_docs_have_every_option);
    TEST_ADD(suite, help_of_a_verb_has_what_it_uses);
    TEST_ADD(suite, addresses_become_urls);
}

TEST_MAIN("config", cases)
