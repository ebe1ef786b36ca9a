/* The server of one process: a thread per loop, each with its own listening socket on the same port. */
#pragma once

#include "config/config.h"
#include "core/catalog.h"
#include "db/db.h"

struct server;

/* Start every thread; true: it answers. Waits for nothing afterwards.
 *
 * store, catalog, config  must outlive the server
 * dev_user                as in struct api_options */
MUST_CHECK bool server_start(void *owner, const struct config *config, struct db_store *store,
        const struct catalog *catalog, const char *dev_user, struct server **server_out,
        struct error *err);
/* The base URL where the server can be reached from this machine. */
const char *server_address(const struct server *server, void *owner);
/* Stop accepting, let what runs finish (30 s at most), stop the threads. */
void server_stop(struct server *server);
