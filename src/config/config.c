#include "config/config_internal.h"

#include "base/nearest.h"
#include "config/dotenv.h"

#include <assert.h>

/* The columns in the order of struct option. */
#define ROW(kind, group, name, field, ...)                                       \
    {                                                                            \
        OPTION_##kind, group, #name, offsetof(struct config, field), __VA_ARGS__ \
    }
#define TEXT(group, name, field, standard, unset, verbs, help) \
    ROW(TEXT, group, name, field, standard, unset, 0, 0, NULL, NULL, verbs, help),
#define URL(group, name, field, standard, unset, verbs, help) \
    ROW(URL, group, name, field, standard, unset, 0, 0, NULL, NULL, verbs, help),
#define SECRET(group, name, field, standard, unset, min, verbs, help) \
    ROW(SECRET, group, name, field, standard, unset, min, 0, NULL, NULL, verbs, help),
#define ADDRESS(group, name, field, standard, unset, verbs, help) \
    ROW(ADDRESS, group, name, field, standard, unset, 0, 0, NULL, NULL, verbs, help),
#define INT(group, name, field, standard, min, max, unit, verbs, help) \
    ROW(INT, group, name, field, #standard, NULL, min, max, unit, NULL, verbs, help),
#define DURATION(group, name, field, standard, min, max, verbs, help) \
    ROW(DURATION, group, name, field, #standard, NULL, min, max, "ms", NULL, verbs, help),
#define ENUM(group, name, field, type, standard, choices, verbs, help) \
    ROW(ENUM, group, name, field, standard, NULL, 0, 0, NULL, choices, verbs, help),

const struct option config_options[] = {
#include "config/options.def"
};
const size_t config_option_count = sizeof config_options / sizeof config_options[0];

#define OPTION_COUNT (sizeof config_options / sizeof config_options[0])

/* What config_load() collects before it reads any value. */
struct loading {
    struct config *config;
    const char *values[OPTION_COUNT]; /* NULL: not set */
    unsigned char *sources;
    const char **warnings;
    size_t warning_count;
};

const struct option *option_find(struct slice name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (slice_is(name, config_options[i].name)) {
            return &config_options[i];
        }
    }
    return NULL;
}

static void warn(struct loading *loading, const char *text)
{
    size_t size = (loading->warning_count + 1) * sizeof *loading->warnings;
    loading->warnings = mem_resize(loading->config, loading->warnings, size);
    loading->warnings[loading->warning_count++] = text;
}

/* The option whose name is nearest to `name`, with or without TENON_ in front; NULL: none is near. */
static const struct option *find_nearest(struct slice name)
{
    const struct option *nearest = NULL;
    size_t least = 5;
    struct slice bare = slice_starts(name, "TENON_") ? slice_skip(name, strlen("TENON_")) : name;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct slice known = slice_of(config_options[i].name);
        size_t whole = nearest_distance(name, known), without = nearest_distance(bare, known);
        size_t away = whole < without ? whole : without;
        if (away < least) {
            least = away;
            nearest = &config_options[i];
        }
    }
    return nearest;
}

static void warn_of_unknown(struct loading *loading, struct slice name)
{
    if (!slice_starts(name, "TENON_") && !slice_starts(name, "COMPOSIO_AUTH_CONFIG_")) {
        return;
    }
    const struct option *nearest = find_nearest(name);
    warn(loading, mem_printf(loading->config, "there is no setting %.*s%s%s%s",
                          name.length > 100 ? 100 : (int)name.length, name.data,
                          nearest == NULL ? "" : "; did you mean ",
                          nearest == NULL ? "" : nearest->name, nearest == NULL ? "" : "?"));
}

/* Later calls win over earlier ones; an empty value over none. */
static void take(
        struct loading *loading, struct slice name, const char *value, enum option_source source)
{
    const struct option *option = option_find(name);
    if (option == NULL) {
        warn_of_unknown(loading, name);
    } else if (value[0] != '\0') {
        loading->values[option - config_options] = value;
        loading->sources[option - config_options] = (unsigned char)source;
    }
}

static bool take_dotenv(struct loading *loading, struct slice text, struct error *err)
{
    struct dotenv reader;
    struct dotenv_entry entry;
    dotenv_init(&reader, text);
    do {
        if (!dotenv_next(&reader, loading->config, &entry, err)) {
            return false;
        }
        if (entry.name.data != NULL) {
            take(loading, entry.name, entry.value, SOURCE_DOTENV);
        }
    } while (entry.name.data != NULL);
    return true;
}

static void take_environment(struct loading *loading, const char *const *environment)
{
    for (const char *const *variable = environment; *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        if (equals != NULL) {
            struct slice name = {*variable, (size_t)(equals - *variable)};
            take(loading, name, equals + 1, SOURCE_ENVIRONMENT);
        }
    }
}

static bool refuse(const struct option *option, const char *value, enum option_source source,
        struct config *config, struct error *err)
{
    struct buffer allowed;
    buffer_init(&allowed, config, sizeof err->message);
    option_describe_values(option, &allowed);
    const char *from = source == SOURCE_DOTENV ? ".env" : "the environment";
    /* Someone may have put a password into a URL, where none is allowed. */
    if (option->kind == OPTION_SECRET || strchr(value, '@') != NULL) {
        return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION",
                "%s must be %s; in %s it has %zu bytes", option->name, buffer_text(&allowed), from,
                strlen(value));
    }
    return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION",
            "%s must be %s; in %s it is \"%.60s\"", option->name, buffer_text(&allowed), from,
            value);
}

static bool parse_values(struct loading *loading, struct error *err)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &config_options[i];
        const char *value = loading->values[i];
        if (value != NULL) {
            if (!option_parse(option, value, loading->config)) {
                return refuse(option, value, loading->sources[i], loading->config, err);
            }
        } else if (option->default_value != NULL) {
            bool ok = option_parse(option, option->default_value, loading->config);
            assert(ok);
            loading->sources[i] = SOURCE_DEFAULT;
        }
    }
    return true;
}

static void check_together(struct loading *loading)
{
    if (loading->config->request_timeout_ms <= loading->config->execute_timeout_ms) {
        warn(loading,
                "REQUEST_TIMEOUT_MS is not above EXECUTE_TIMEOUT_MS: a slow tool's caller will not "
                "learn its outcome");
    }
}

bool config_load(void *owner, const char *const *environment, struct slice dotenv,
        const struct config **config_out, struct error *err)
{
    struct loading loading = {.config = mem_new(owner, struct config)};
    loading.sources = mem_array(loading.config, unsigned char, OPTION_COUNT);
    if (!take_dotenv(&loading, dotenv, err)) {
        mem_free(loading.config);
        return false;
    }
    take_environment(&loading, environment);
    if (!parse_values(&loading, err)) {
        mem_free(loading.config);
        return false;
    }
    check_together(&loading);
    loading.config->sources = loading.sources;
    loading.config->warnings = loading.warnings;
    loading.config->warning_count = loading.warning_count;
    *config_out = loading.config;
    return true;
}

bool config_is_given(const struct config *config, const char *name)
{
    const struct option *option = option_find(slice_of(name));
    assert(option != NULL);
    return config->sources[option - config_options] >= SOURCE_DOTENV;
}

bool config_require(const struct config *config, const char *name, struct error *err)
{
    const struct option *option = option_find(slice_of(name));
    assert(option != NULL);
    if (config->sources[option - config_options] != SOURCE_NONE) {
        return true;
    }
    return error_set(err, ERROR_PRECONDITION_FAILED, "NOT_CONFIGURED",
            "%s is not set. Set it in the environment or in .env: %s", name, option->help);
}
