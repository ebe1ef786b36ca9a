/* What the files of api share. */
#pragma once

#include "api/api.h"
#include "core/connections.h"
#include "trpc/trpc.h"

struct api {
    struct core *core;
    struct db *db;
    struct auth *auth;
    struct api_options options;
    const char *cors_origin; /* the origin of frontend_url: scheme, host, port (RFC 6454 §6.2) */
    char *instance;          /* begins every request id of this api */
    uint64_t requests;
    struct trpc_options trpc;
};

/* A new id for the request, for its errors and for every log line of its fiber. */
const char *api_begin_request(struct api *api, struct http_request *request);
/* Log an error that is about to be answered: once, here, at the boundary. */
void api_log_error(const struct http_request *request, const char *path, const struct error *err);
/* A JSON error in tRPC's form, for what is refused outside of tRPC. */
void api_reply_error(struct http_request *request, const char *request_id, const struct error *err);

/* Pages, health, and the browser's way back from Composio: pages.c. False: there is no such page, nothing was sent. */
SUSPENDS bool api_serve_page(struct api *api, struct http_request *request, const char *request_id);

/* Composio's deliveries: webhook.c. False: this is none, nothing was sent. */
SUSPENDS bool api_serve_webhook(
        struct api *api, struct http_request *request, const char *request_id);

/* The subscription integrations.events: events.c. */
bool api_events(struct trpc_call *call, struct error *err);

/* procedures.c */
/* {provider, connected, connection}: what status answers, and an event is. */
void api_write_status(struct trpc_call *call, const char *provider, bool found,
        const struct connection *connection);
extern const struct trpc_procedure api_procedures[];
extern const size_t api_procedure_count;
