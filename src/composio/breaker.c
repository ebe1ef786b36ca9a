#include "composio/breaker.h"

#include "base/log.h"

#define FAILURES_TO_OPEN 5
#define OPEN_FIRST_MS    1000
#define OPEN_MAX_MS      10000

bool breaker_admit(struct breaker *breaker, int64_t now_ms, struct error *err)
{
    if (breaker->open_until_ms == 0) {
        return true;
    }
    int64_t wait_ms = breaker->open_until_ms - now_ms;
    if (wait_ms <= 0 && !breaker->probing) {
        breaker->probing = true;
        return true;
    }
    error_set(err, ERROR_SERVICE_UNAVAILABLE, "NOT_SENT", "Composio could not be reached just now");
    err->retry_after_s = wait_ms <= 1000 ? 1 : (int)((wait_ms + 999) / 1000);
    return false;
}

static void open_for_longer(struct breaker *breaker, int64_t now_ms)
{
    breaker->open_ms = breaker->open_ms == 0 ? OPEN_FIRST_MS : 2 * breaker->open_ms;
    breaker->open_ms = breaker->open_ms < OPEN_MAX_MS ? breaker->open_ms : OPEN_MAX_MS;
    breaker->open_until_ms = now_ms + breaker->open_ms;
    log_warn("Composio cannot be reached: no calls for %lld ms", (long long)breaker->open_ms);
}

/* A stumble of a second or two is for the retries of each call. */
static bool is_hopeless(const struct breaker *breaker, int64_t now_ms)
{
    return breaker->failures >= FAILURES_TO_OPEN &&
           now_ms - breaker->first_failure_ms >= breaker->patience_ms;
}

void breaker_note(struct breaker *breaker, int64_t now_ms, enum breaker_outcome outcome)
{
    bool was_probing = breaker->probing;
    bool is_open = breaker->open_until_ms > now_ms;
    switch (outcome) {
    case BREAKER_REACHED:
        if (breaker->open_until_ms != 0) {
            log_info("Composio can be reached again");
        }
        *breaker = (struct breaker){.patience_ms = breaker->patience_ms};
        break;
    case BREAKER_NOT_REACHED:
        breaker->probing = false;
        if (breaker->failures++ == 0) {
            breaker->first_failure_ms = now_ms;
        }
        /* Those that were under way when it opened say nothing new. */
        if (!is_open && (was_probing || is_hopeless(breaker, now_ms))) {
            open_for_longer(breaker, now_ms);
        }
        break;
    case BREAKER_NOTHING_LEARNT:
        breaker->probing = false;
        break;
    }
}
