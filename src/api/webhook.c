/* POST /webhooks/composio: Composio tells what happened to an account. */
#include "core/webhook.h"
#include "api/api_internal.h"

bool api_serve_webhook(struct api *api, struct http_request *request, const char *request_id)
{
    static const char *const replies[] = {
            [WEBHOOK_TAKEN] = "{\"status\":\"taken\"}",
            [WEBHOOK_REPEATED] = "{\"status\":\"repeated\"}",
            [WEBHOOK_IGNORED] = "{\"status\":\"ignored\"}",
    };
    if (!slice_is(request->path, WEBHOOK_PATH) || !slice_is(request->method, "POST")) {
        return false;
    }
    struct webhook_delivery delivery = {
            .id = http_request_header(request, "webhook-id"),
            .timestamp = http_request_header(request, "webhook-timestamp"),
            .signature = http_request_header(request, "webhook-signature"),
            .body = request->body,
    };
    enum webhook_outcome outcome;
    struct error err = {0};
    if (!webhook_take(api->core, request->memory, &delivery, &outcome, &err)) {
        api_log_error(request, NULL, &err);
        api_reply_error(request, request_id, &err);
        return true;
    }
    struct http_reply reply = {
            .status = 200, .content_type = "application/json", .body = slice_of(replies[outcome])};
    http_reply(request, &reply);
    return true;
}
