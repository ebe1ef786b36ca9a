/* What the program can be told to do; one function a verb. Each returns the exit code: 0 done, 1 failed, 2 used wrongly. */
#pragma once

#include "config/config.h"
#include "core/setup.h"

struct verb_arguments {
    void *owner;
    const struct config *config;
    int count; /* what stands behind the verb */
    char **values;
};

int verb_serve(const struct verb_arguments *arguments);
int verb_dev(const struct verb_arguments *arguments);
int verb_sandbox(const struct verb_arguments *arguments);
int verb_setup(const struct verb_arguments *arguments);
int verb_migrate(const struct verb_arguments *arguments);
int verb_token(const struct verb_arguments *arguments);
int verb_import(const struct verb_arguments *arguments);
int verb_doctor(const struct verb_arguments *arguments);

/* ---- what several verbs share: src/main/common.c ---- */

/* Print "tenon: …" with the error's message to standard error; returns 1. */
int verb_failed(const struct error *err);
/* A line on standard output, at once: programs wait for it. */
void verb_announce(const char *line);
/* `--name` is there. */
bool verb_flag(const struct verb_arguments *arguments, const char *name);
/* The value of `--name VALUE` or `--name=VALUE`; NULL when it is not there. */
const char *verb_option(const struct verb_arguments *arguments, const char *name);
/* SIGTERM and SIGINT are held back until this returns with one of them: call verb_hold_signals() before any thread is
 * started. */
void verb_hold_signals(void);
int verb_wait_for_signal(void);

/* The development secret of this directory, ./.tenon/jwt-secret: made when `make` and it is not there. NULL: there is
 * none, or, with err set, it cannot be read or made. */
const char *verb_dev_secret(void *owner, bool make, struct error *err);

struct db_store;
/* Apply pending migrations; `*applied_out` counts them. Outside every loop. */
MUST_CHECK bool verb_apply_migrations(
        struct db_store *store, size_t *applied_out, struct error *err);
/* The database has every migration; else ERROR_PRECONDITION_FAILED, MIGRATIONS_PENDING. Outside every loop. */
MUST_CHECK bool verb_check_migrations(struct db_store *store, struct error *err);
/* Set up every provider that the configuration names; reports to standard output. Outside every loop. */
MUST_CHECK bool verb_run_setup(
        const struct config *config, struct db_store *store, bool quiet, struct error *err);

/* A core for what a verb does once. In a fiber, whose memory it belongs to. */
MUST_CHECK bool verb_open_core(const struct config *config, struct db_store *store,
        struct core **core_out, struct error *err);
#define VERB_PROVIDERS_MAX 5
/* Those that have an auth config in the settings; returns how many. */
size_t verb_providers(const struct config *config, const struct catalog *catalog,
        struct setup_provider out[static VERB_PROVIDERS_MAX]);
/* By WEBHOOKS and PUBLIC_URL. */
bool verb_wants_webhooks(const struct config *config);
