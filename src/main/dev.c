/* `tenon dev` and `tenon sandbox`: the emulator of Composio, with the whole product around it or alone. It runs on a
 * thread of its own and is reached over HTTP, as the real one is. */
#include "base/log.h"
#include "main/loop_thread.h"
#include "main/serve.h"
#include "main/verbs.h"
#include "sandbox/sandbox.h"
#include "sandbox/world/seed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_DIRECTORY   ".tenon"
#define SANDBOX_KEY      "ak_sandbox_dev"
#define DEV_USER         "demo"
#define DRAIN_TIMEOUT_MS 10000

struct sandbox_thread {
    struct sandbox_options options;
    struct sandbox *sandbox;
    struct loop_thread *thread;
};

static bool sandbox_begin(void *argument, void *owner, struct loop *loop, struct error *err)
{
    struct sandbox_thread *thread = argument;
    return sandbox_start(owner, loop, &thread->options, &thread->sandbox, err);
}

static void sandbox_end(void *argument)
{
    struct sandbox_thread *thread = argument;
    struct error err = {0};
    if (!sandbox_drain(thread->sandbox, &err)) {
        log_warn("the sandbox stopped with requests unfinished: %s", err.message);
        _exit(EXIT_FAILURE); /* their fibers use what would be freed now */
    }
}

static bool start_sandbox(void *owner, const struct sandbox_options *options,
        struct sandbox_thread **thread_out, struct error *err)
{
    struct sandbox_thread *thread = mem_new(owner, struct sandbox_thread);
    thread->options = *options;
    struct loop_thread_options loop_options = {
            .name = "sandbox",
            .begin = sandbox_begin,
            .end = sandbox_end,
            .end_timeout_ms = DRAIN_TIMEOUT_MS,
            .argument = thread,
    };
    if (!loop_thread_start(thread, &loop_options, &thread->thread, err)) {
        return false;
    }
    *thread_out = thread;
    return true;
}

static void stop_sandbox(struct sandbox_thread *thread)
{
    loop_thread_stop(thread->thread);
    loop_thread_join(thread->thread);
}

static void sandbox_addresses(const struct config *config, struct sandbox_options *options)
{
    options->host = config->sandbox_listen.host;
    options->port = config->sandbox_listen.port;
    options->consent_host = config->sandbox_consent_listen.host;
    options->consent_port = config->sandbox_consent_listen.port;
}

/* The options that stand for a setting, as settings: their own parsers read them. */
static bool sandbox_config(
        const struct verb_arguments *arguments, const struct config **out, struct error *err)
{
    static const struct {
        const char *option, *setting;
    } options[] = {{"--listen", "SANDBOX_LISTEN"}, {"--consent-listen", "SANDBOX_CONSENT_LISTEN"}};
    struct config *config = mem_new(arguments->owner, struct config);
    *config = *arguments->config;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *value = verb_option(arguments, options[i].option);
        const struct config *given;
        if (value == NULL) {
            continue;
        }
        const char *environment[] = {
                mem_printf(arguments->owner, "%s=%s", options[i].setting, value), NULL};
        if (!config_load(arguments->owner, environment, (struct slice){0}, &given, err)) {
            return false;
        }
        if (i == 0) {
            config->sandbox_listen = given->sandbox_listen;
        } else {
            config->sandbox_consent_listen = given->sandbox_consent_listen;
        }
    }
    *out = config;
    return true;
}

/* The text of --seed FILE; empty without one. */
static bool read_seed(
        const struct verb_arguments *arguments, struct slice *text_out, struct error *err)
{
    const char *path = verb_option(arguments, "--seed");
    if (path == NULL) {
        return true;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION", "%s cannot be read: %s", path,
                strerror(errno));
    }
    char *text = mem_block(arguments->owner, SEED_BYTES_MAX + 1, "seed");
    size_t length = fread(text, 1, SEED_BYTES_MAX + 1, file);
    fclose(file);
    if (length == 0 || length > SEED_BYTES_MAX) {
        return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION",
                length == 0 ? "%s is empty" : "%s is larger than 8 MiB", path);
    }
    *text_out = (struct slice){text, length};
    return true;
}

int verb_sandbox(const struct verb_arguments *arguments)
{
    const char *database = verb_option(arguments, "--database");
    const struct config *config;
    struct sandbox_options options = {
            .database_url =
                    database == NULL ? NULL : mem_printf(arguments->owner, "file:%s", database),
            .trace_path = arguments->config->sandbox_trace,
    };
    struct error err = {0};
    struct sandbox_thread *thread = NULL;
    if (!sandbox_config(arguments, &config, &err) || !read_seed(arguments, &options.seed, &err)) {
        return verb_failed(&err);
    }
    sandbox_addresses(config, &options);
    verb_hold_signals();
    if (!start_sandbox(arguments->owner, &options, &thread, &err)) {
        return verb_failed(&err);
    }
    verb_announce(sandbox_url(thread->sandbox));
    verb_wait_for_signal();
    stop_sandbox(thread);
    return 0;
}

/* The settings of development: what the user gave, and what makes it whole without anything else. */
static void dev_config(const struct verb_arguments *arguments, const char *secret,
        const char *sandbox_address, struct config *out)
{
    *out = *arguments->config;
    out->jwt_secret = secret;
    out->composio_base_url = sandbox_address;
    out->composio_api_key = SANDBOX_KEY;
    out->composio_auth_config_gmail = "ac_sandbox_gmail";
    out->composio_auth_config_calendar = "ac_sandbox_googlecalendar";
    out->composio_auth_config_slack = "ac_sandbox_slack";
    out->composio_auth_config_notion = "ac_sandbox_notion";
    out->composio_auth_config_github = "ac_sandbox_github";
    if (!config_is_given(arguments->config, "DATABASE_URL")) {
        out->database_url = "file:./" DATA_DIRECTORY "/tenon.db";
    }
}

static bool make_directory(struct error *err)
{
    if (mkdir(DATA_DIRECTORY, 0700) == 0 || errno == EEXIST) {
        return true;
    }
    return error_set(err, ERROR_SERVICE_UNAVAILABLE, "BAD_CONFIGURATION",
            "the directory ./" DATA_DIRECTORY " cannot be made: %s", strerror(errno));
}

static bool dev_start(const struct verb_arguments *arguments, struct config *config,
        struct sandbox_thread **sandbox_out, struct server **server_out, struct error *err)
{
    void *owner = arguments->owner;
    const char *secret = arguments->config->jwt_secret;
    struct db_store *store = NULL;
    size_t applied = 0;
    struct sandbox_options options = {
            .database_url = "file:./" DATA_DIRECTORY "/sandbox.db",
            .api_key = SANDBOX_KEY,
            .trace_path = arguments->config->sandbox_trace,
    };
    sandbox_addresses(arguments->config, &options);
    if (!make_directory(err)) {
        return false;
    }
    if (secret == NULL && (secret = verb_dev_secret(owner, true, err)) == NULL) {
        return false;
    }
    if (!start_sandbox(owner, &options, sandbox_out, err)) {
        return false;
    }
    dev_config(arguments, secret, sandbox_url((*sandbox_out)->sandbox), config);
    return db_store_open(owner, config->database_url, &store, err) &&
           verb_apply_migrations(store, &applied, err) &&
           verb_run_setup(config, store, true, err) &&
           server_start(owner, config, store, catalog_new(owner), DEV_USER, server_out, err);
}

int verb_dev(const struct verb_arguments *arguments)
{
    struct config *config = mem_new(arguments->owner, struct config);
    struct sandbox_thread *sandbox = NULL;
    struct server *server = NULL;
    struct error err = {0};
    verb_hold_signals();
    if (!dev_start(arguments, config, &sandbox, &server, &err)) {
        return verb_failed(&err);
    }
    const char *address = server_address(server, arguments->owner);
    verb_announce(address);
    verb_announce(mem_printf(arguments->owner, "sandbox %s", sandbox_url(sandbox->sandbox)));
    verb_announce(mem_printf(arguments->owner,
            "Open %s in a browser; you are signed in as \"" DEV_USER "\". Ctrl-C stops.", address));
    verb_wait_for_signal();
    server_stop(server);
    stop_sandbox(sandbox);
    return 0;
}
