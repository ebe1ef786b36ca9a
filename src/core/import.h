/* Moving in: the connections that an older integrations layer kept become rows here, each only after Composio said that its
 * account is ACTIVE and the user's. What cannot be taken over is told, row by row, with the reason. Every row is a
 * transaction of its own, and what is here already is left alone: so it may be stopped and run again at any time. */
#pragma once

#include "core/core.h"

/* As the older layer had it; NULL where it had nothing. */
struct import_row {
    const char *user;     /* a user id of this server's tokens; NULL: there is none that fits */
    const char *provider; /* our key or Composio's toolkit slug, in any case */
    const char *account;  /* Composio's id, ca_…, or the UUID that it had before */
    const char *entity;   /* the user's id at Composio, where it is another than `user` */
    const char *vendor;   /* who runs the account; NULL: Composio */
};

enum import_outcome {
    IMPORT_TAKE,      /* becomes a connection; has become one, when applied */
    IMPORT_THERE,     /* is one already */
    IMPORT_DUPLICATE, /* another row of the same user and provider is taken */
    IMPORT_KEEP,      /* the user has connected another account here; it stays */
    IMPORT_RECONNECT, /* the user must connect again */
    IMPORT_INVALID,   /* nothing that could be a connection */
    IMPORT_UNKNOWN,   /* could not be found out, or written: run it again */
};
#define IMPORT_OUTCOMES 7
const char *import_outcome_name(enum import_outcome outcome); /* "must reconnect" */

struct import_result {
    enum import_outcome outcome;
    const char *provider; /* our key; NULL when unknown */
    const char *account;  /* as Composio has it now; NULL when unknown */
    const char *why;      /* for the operator; "" when there is nothing to add */
};

struct import_options {
    bool apply; /* else nothing is written */
    /* After each (user, provider) that is done: so many rows of all. NULL: not told. */
    void (*progress)(void *argument, size_t done, size_t count);
    void *argument;
};

/* Judge every row, and take over what can be. `results`: one for each row, in their order; what they point to belongs to
 * `owner`. False: it could not begin; no row was looked at. */
SUSPENDS MUST_CHECK bool import_run(struct core *core, void *owner, const struct import_row *rows,
        size_t count, const struct import_options *options, struct import_result *results,
        struct error *err);
