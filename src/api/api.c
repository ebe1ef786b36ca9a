#include "api/api.h"

#include "api/api_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"

/* ---- requests and their errors ---- */

const char *api_begin_request(struct api *api, struct http_request *request)
{
    const char *id = mem_printf(
            request->memory, "%s%llx", api->instance, (unsigned long long)++api->requests);
    log_add_field(request->memory, "request", id);
    return id;
}

void api_log_error(const struct http_request *request, const char *path, const struct error *err)
{
    /* What a caller can mend is no news for an operator. */
    enum log_level level = error_http_status(err->code) >= 500 ? LOG_WARN : LOG_DEBUG;
    log_line(level, "%.*s %.*s: %s %s: %s%s%s", SLICE_ARG(request->method),
            path == NULL ? (int)request->path.length : (int)strlen(path),
            path == NULL ? request->path.data : path, error_name(err->code),
            err->reason == NULL ? "" : err->reason, err->message, *err->detail == '\0' ? "" : "; ",
            err->detail);
}

void api_reply_error(struct http_request *request, const char *request_id, const struct error *err)
{
    struct http_reply reply = {
            .status = error_http_status(err->code),
            .content_type = "application/json",
            .body = trpc_error_text(request->memory, err, NULL, request_id, false),
    };
    http_reply(request, &reply);
}

struct slice api_refusal(void *context, void *owner, const struct error *err)
{
    (void)context;
    return trpc_error_text(owner, err, NULL, NULL, false);
}

/* ---- who is calling ---- */

/* What an Authorization field would say, for browsers' event streams, which cannot have one. */
static struct slice authorization_of(
        const struct http_request *request, const struct json *parameters)
{
    struct slice header = http_request_header(request, "authorization");
    const char *token = json_text(json_get(parameters, "token"));
    return header.data != NULL || token == NULL
                   ? header
                   : slice_of(mem_printf(request->memory, "Bearer %s", token));
}

static bool authenticate(void *context, struct http_request *request, const struct json *parameters,
        const char **user_out, struct error *err)
{
    struct api *api = context;
    if (!auth_verify(api->auth, request->memory, authorization_of(request, parameters),
                clock_now_ms(), user_out, err)) {
        return false;
    }
    log_add_field(request->memory, "user", *user_out);
    return true;
}

static void failed(void *context, const struct http_request *request, const char *path,
        const struct error *err)
{
    (void)context;
    api_log_error(request, path, err);
}

/* ---- CORS: https://fetch.spec.whatwg.org/#http-cors-protocol ---- */

/* Scheme, host and port of a URL, as a browser's Origin field has them. */
static char *origin_of(void *owner, const char *url)
{
    const char *host = strstr(url, "://");
    size_t length = host == NULL ? strlen(url) : (size_t)(host - url) + 3;
    length += strcspn(url + length, "/?#");
    return mem_strndup(owner, url, length);
}

#define CORS_HEADERS_MAX 4

/* The fields that let the frontend's pages read the reply; none for any other origin. */
static size_t cors_headers(const struct api *api, const struct http_request *request,
        bool preflight, struct http_header headers[static CORS_HEADERS_MAX])
{
    struct slice origin = http_request_header(request, "origin");
    if (origin.data == NULL || !slice_is(origin, api->cors_origin)) {
        return 0;
    }
    headers[0] = (struct http_header){SLICE("access-control-allow-origin"), origin};
    if (!preflight) {
        headers[1] =
                (struct http_header){SLICE("access-control-expose-headers"), SLICE("retry-after")};
        return 2;
    }
    headers[1] =
            (struct http_header){SLICE("access-control-allow-methods"), SLICE("GET,POST,OPTIONS")};
    headers[2] = (struct http_header){
            SLICE("access-control-allow-headers"), SLICE("authorization,content-type,trpc-accept")};
    headers[3] = (struct http_header){SLICE("access-control-max-age"), SLICE("7200")};
    return 4;
}

static void reply_preflight(const struct api *api, struct http_request *request)
{
    struct http_header headers[CORS_HEADERS_MAX + 1];
    size_t count = cors_headers(api, request, true, headers);
    headers[count++] = (struct http_header){SLICE("vary"), SLICE("origin")};
    struct http_reply reply = {.status = 204, .headers = headers, .header_count = count};
    http_reply(request, &reply);
}

/* ---- routes ---- */

static void serve_trpc(struct api *api, struct http_request *request, const char *request_id,
        struct slice path, bool superjson)
{
    if (slice_is(request->method, "OPTIONS")) {
        reply_preflight(api, request);
        return;
    }
    struct http_header headers[CORS_HEADERS_MAX];
    struct trpc_request call = {
            .http = request,
            .path = path,
            .superjson = superjson,
            .request_id = request_id,
            .headers = headers,
            .header_count = cors_headers(api, request, false, headers),
    };
    trpc_serve(&api->trpc, &call);
}

void api_handle(void *context, struct http_request *request)
{
    static const struct {
        const char *base;
        bool superjson;
    } mounts[] = {{"/api/trpc/", true}, {"/trpc/", false}};
    struct api *api = context;
    const char *request_id = api_begin_request(api, request);
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        if (slice_starts(request->path, mounts[i].base)) {
            serve_trpc(api, request, request_id, slice_skip(request->path, strlen(mounts[i].base)),
                    mounts[i].superjson);
            return;
        }
    }
    if (!api_serve_page(api, request, request_id) && !api_serve_webhook(api, request, request_id)) {
        struct error err = {0};
        error_set(&err, ERROR_NOT_FOUND, "NO_SUCH_PAGE",
                "There is nothing here; tRPC is at /api/trpc and /trpc.");
        api_reply_error(request, request_id, &err);
    }
}

struct api *api_new(void *owner, struct core *core, struct db *db, struct auth *auth,
        const struct api_options *options)
{
    struct api *api = mem_new(owner, struct api);
    api->core = core;
    api->db = db;
    api->auth = auth;
    api->options = *options;
    api->cors_origin = origin_of(api, options->frontend_url);
    api->instance = random_token(api, 6);
    api->trpc = (struct trpc_options){
            .context = api,
            .procedures = api_procedures,
            .procedure_count = api_procedure_count,
            .max_batch = options->max_batch,
            .authenticate = authenticate,
            .failed = failed,
    };
    return api;
}
