/* What tests need and the service has not: the clock, states, faults and the journal, under /_sandbox. */
#include "sandbox/accounts/account.h"
#include "sandbox/routes.h"
#include "sandbox/webhooks/webhook.h"

static void write_clock(struct call *call)
{
    json_begin_object(&call->json);
    json_write_name(&call->json, "now");
    json_write_time(&call->json, sandbox_now_ms(call->sandbox));
    json_write_name(&call->json, "offset_ms");
    json_write_int(&call->json, call->sandbox->clock_offset_ms);
    json_end_object(&call->json);
}

static void write_done(struct call *call)
{
    json_begin_object(&call->json);
    json_write_name(&call->json, "success");
    json_write_bool(&call->json, true);
    json_end_object(&call->json);
}

bool control_clock_get(struct call *call, struct error *err)
{
    (void)err;
    write_clock(call);
    return true;
}

bool control_clock_advance(struct call *call, struct error *err)
{
    int64_t seconds;
    if (!json_int(json_get(call->body, "advance_seconds"), &seconds) ||
            seconds > CLOCK_SECONDS_MAX || seconds < -CLOCK_SECONDS_MAX) {
        return api_error_set(
                err, API_BAD_REQUEST, "advance_seconds: expected a whole number of seconds");
    }
    if (!sandbox_advance_clock(call->sandbox, call->memory, seconds * 1000, err) ||
            !webhooks_notice(call, err)) {
        return false;
    }
    write_clock(call);
    return true;
}

bool control_account_set(struct call *call, struct error *err)
{
    struct account account;
    const char *status, *reason;
    if (!field_required(call->body, "status", &status, err) ||
            !field_text(call->body, "status_reason", &reason, err) ||
            !account_force_status(call, call->values[0], status, reason, err) ||
            !account_find(call, call->values[0], &account, err) || !webhooks_notice(call, err)) {
        return false;
    }
    account_write(call, &account, true);
    return true;
}

bool control_reset(struct call *call, struct error *err)
{
    if (!sandbox_reset(call->sandbox, call->memory, err)) {
        return false;
    }
    write_done(call);
    return true;
}

bool control_requests(struct call *call, struct error *err)
{
    int64_t after, limit;
    if (!call_parameter_int(call, "after", 0, 0, INT64_MAX, &after, err) ||
            !call_parameter_int(call, "limit", JOURNAL_ENTRIES, 0, JOURNAL_ENTRIES, &limit, err)) {
        return false;
    }
    journal_write(call->sandbox->journal, after, limit, &call->json);
    return true;
}

bool control_faults_add(struct call *call, struct error *err)
{
    if (!faults_add(call->sandbox->faults, call->body, err)) {
        return false;
    }
    faults_write(call->sandbox->faults, &call->json);
    return true;
}

bool control_faults_list(struct call *call, struct error *err)
{
    (void)err;
    faults_write(call->sandbox->faults, &call->json);
    return true;
}

bool control_faults_clear(struct call *call, struct error *err)
{
    (void)err;
    faults_clear(call->sandbox->faults);
    write_done(call);
    return true;
}
