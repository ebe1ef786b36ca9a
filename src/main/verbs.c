#include "main/verbs.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "main/serve.h"

#include <stdio.h>
#include <stdlib.h>

static bool open_store(
        const struct verb_arguments *arguments, struct db_store **store_out, struct error *err)
{
    return db_store_open(arguments->owner, arguments->config->database_url, store_out, err);
}

static bool set_direct(const struct config *config, struct db_store *store, struct error *err)
{
    const char *url = config->database_direct_url;
    return url == NULL || db_store_set_direct(store, url, err);
}

int verb_serve(const struct verb_arguments *arguments)
{
    const struct config *config = arguments->config;
    struct error err = {0};
    struct db_store *store = NULL;
    struct server *server = NULL;
    size_t applied = 0;
    bool migrate = verb_flag(arguments, "--migrate");
    if (arguments->count != migrate) {
        fputs("tenon: serve takes --migrate\n", stderr);
        return 2;
    }
    verb_hold_signals();
    if (!config_require(config, "COMPOSIO_API_KEY", &err) ||
            !config_require(config, "JWT_SECRET", &err) || !open_store(arguments, &store, &err) ||
            !set_direct(config, store, &err) ||
            !(migrate ? verb_apply_migrations(store, &applied, &err)
                      : verb_check_migrations(store, &err)) ||
            !server_start(arguments->owner, config, store, catalog_new(arguments->owner), NULL,
                    &server, &err)) {
        return verb_failed(&err);
    }
    verb_announce(server_address(server, arguments->owner));
    log_info("serving at %s", server_address(server, arguments->owner));
    verb_wait_for_signal();
    log_info("stopping");
    server_stop(server);
    return 0;
}

int verb_migrate(const struct verb_arguments *arguments)
{
    struct error err = {0};
    struct db_store *store = NULL;
    size_t applied = 0;
    if (!open_store(arguments, &store, &err) || !verb_apply_migrations(store, &applied, &err)) {
        return verb_failed(&err);
    }
    printf(applied == 0 ? "the database is up to date\n" : "migrations applied: %zu\n", applied);
    return 0;
}

int verb_setup(const struct verb_arguments *arguments)
{
    struct error err = {0};
    struct db_store *store = NULL;
    if (!config_require(arguments->config, "COMPOSIO_API_KEY", &err) ||
            !open_store(arguments, &store, &err) || !verb_check_migrations(store, &err) ||
            !verb_run_setup(arguments->config, store, false, &err)) {
        return verb_failed(&err);
    }
    return 0;
}

int verb_token(const struct verb_arguments *arguments)
{
    const struct config *config = arguments->config;
    const char *days = verb_option(arguments, "--days");
    struct error err = {0};
    struct auth *auth = NULL;
    if (arguments->count < 1 || arguments->values[0][0] == '-') {
        fputs("tenon: whose token? `tenon token USER`\n", stderr);
        return 2;
    }
    struct auth_options options = {
            .secret = config->jwt_secret,
            .issuer = config->jwt_issuer,
            .audience = config->jwt_audience,
            .user_claim = config->jwt_user_claim,
    };
    if (options.secret == NULL) {
        options.secret = verb_dev_secret(arguments->owner, false, &err);
    }
    if (err.code != ERROR_NONE ||
            (options.secret == NULL && !config_require(config, "JWT_SECRET", &err)) ||
            !auth_new(arguments->owner, &options, &auth, &err)) {
        return verb_failed(&err);
    }
    int64_t lifetime_s = (days == NULL ? 1 : strtol(days, NULL, 10)) * 24 * 3600;
    const char *token =
            auth_sign(auth, arguments->owner, arguments->values[0], clock_now_ms(), lifetime_s);
    if (token == NULL) {
        fputs("tenon: that is no user id: 1 to 255 bytes of text, no commas or control characters\n",
                stderr);
        return 1;
    }
    puts(token);
    return 0;
}
