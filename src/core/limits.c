#include "core/limits.h"

#include "base/slice.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#define HASH_FUNCTION HASH_OAT /* the default one falls through without saying so: a warning */
#include <uthash.h>

#define MINUTE_MS 60000

/* A token bucket that holds a minute's worth, and what runs. The first byte of the key tells users from providers. */
struct entry {
    double tokens;
    int64_t filled_ms; /* when `tokens` was right */
    int64_t running;
    int64_t streams;
    UT_hash_handle hh;
    char key[];
};

struct limits {
    struct limits_options options;
    pthread_mutex_t mutex; /* over what follows */
    struct entry *entries; /* in the order in which they were made */
    int64_t running, streams;
};

static int limits_freed(struct limits *limits)
{
    HASH_CLEAR(hh, limits->entries);
    pthread_mutex_destroy(&limits->mutex);
    return 0;
}

struct limits *limits_new(void *owner, const struct limits_options *options)
{
    struct limits *limits = mem_new(owner, struct limits);
    limits->options = *options;
    pthread_mutex_init(&limits->mutex, NULL);
    mem_on_free(limits, limits_freed);
    return limits;
}

static int64_t per_minute_of(const struct limits *limits, const struct entry *entry)
{
    return entry->key[0] == 'u' ? limits->options.user_executions_per_minute
                                : limits->options.provider_executions_per_minute;
}

static void fill(const struct limits *limits, struct entry *entry, int64_t now_ms)
{
    if (now_ms <= entry->filled_ms) {
        return; /* another thread read the clock later and came first */
    }
    double most = (double)per_minute_of(limits, entry);
    double tokens = entry->tokens + most * (double)(now_ms - entry->filled_ms) / MINUTE_MS;
    entry->tokens = tokens < most ? tokens : most;
    entry->filled_ms = now_ms;
}

/* What has rested for a minute is as good as new. To look at two for each one that is made keeps the table to about twice
 * those of the last minute. */
static void forget_rested(struct limits *limits, int64_t now_ms)
{
    struct entry *entry = limits->entries;
    for (int i = 0; i < 2 && entry != NULL; i++) {
        struct entry *next = entry->hh.next;
        HASH_DEL(limits->entries, entry);
        if (entry->running == 0 && entry->streams == 0 && now_ms - entry->filled_ms >= MINUTE_MS) {
            mem_free(entry);
        } else {
            HASH_ADD_STR(limits->entries, key, entry); /* looked at again later */
        }
        entry = next;
    }
}

static struct entry *find(struct limits *limits, char kind, const char *name, int64_t now_ms)
{
    char key[300]; /* a user id has at most 255 bytes */
    int length = snprintf(key, sizeof key, "%c%s", kind, name);
    assert(length > 0 && (size_t)length < sizeof key);
    struct entry *entry = NULL;
    HASH_FIND_STR(limits->entries, key, entry);
    if (entry == NULL) {
        forget_rested(limits, now_ms);
        entry = mem_block(limits, sizeof *entry + (size_t)length + 1, "limit");
        *entry = (struct entry){.filled_ms = now_ms};
        memcpy(entry->key, key, (size_t)length + 1);
        entry->tokens = (double)per_minute_of(limits, entry);
        HASH_ADD_STR(limits->entries, key, entry);
    }
    fill(limits, entry, now_ms);
    return entry;
}

static bool has_token(const struct limits *limits, const struct entry *entry, const char *whose,
        struct error *err)
{
    int64_t per_minute = per_minute_of(limits, entry);
    if (per_minute == 0 || entry->tokens >= 1) {
        return true;
    }
    double wait_s = (1 - entry->tokens) * (MINUTE_MS / 1000.) / (double)per_minute;
    int retry_after_s = (int)wait_s + 1;
    error_set(err, ERROR_TOO_MANY_REQUESTS, "RATE_LIMITED",
            "%s more than %lld executions a minute; try again in %d s.", whose,
            (long long)per_minute, retry_after_s);
    err->retry_after_s = retry_after_s;
    return false;
}

static bool has_room(const struct limits *limits, const struct entry *user, struct error *err)
{
    const struct limits_options *options = &limits->options;
    if (options->executions_at_once > 0 && limits->running >= options->executions_at_once) {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "OVERLOADED",
                "This server runs as many tools as it can at once; try again in a moment.");
        err->retry_after_s = 1;
        return false;
    }
    if (options->user_executions_at_once > 0 && user->running >= options->user_executions_at_once) {
        error_set(err, ERROR_TOO_MANY_REQUESTS, "TOO_MANY_AT_ONCE",
                "You have %lld executions running, as many as one user may; wait for one to end.",
                (long long)user->running);
        err->retry_after_s = 1;
        return false;
    }
    return true;
}

bool limits_begin(struct limits *limits, const char *user_id, const char *provider_name,
        int64_t now_ms, struct error *err)
{
    pthread_mutex_lock(&limits->mutex);
    struct entry *user = find(limits, 'u', user_id, now_ms);
    user->running++; /* so that it is not forgotten for the provider's sake */
    struct entry *provider = find(limits, 'p', provider_name, now_ms);
    user->running--;
    bool ok = has_room(limits, user, err) && has_token(limits, user, "You asked for", err) &&
              has_token(limits, provider, "All users of this integration together asked for", err);
    if (ok) {
        user->tokens -= 1;
        provider->tokens -= 1;
        user->running++;
        limits->running++;
    }
    pthread_mutex_unlock(&limits->mutex);
    return ok;
}

/* The user of something that was begun and has not ended: it is not forgotten. */
static struct entry *user_at_work(struct limits *limits, const char *user_id)
{
    char key[300];
    struct entry *user = NULL;
    snprintf(key, sizeof key, "u%s", user_id);
    HASH_FIND_STR(limits->entries, key, user);
    assert(user != NULL);
    return user;
}

void limits_end(struct limits *limits, const char *user_id)
{
    pthread_mutex_lock(&limits->mutex);
    struct entry *user = user_at_work(limits, user_id);
    assert(user->running > 0);
    user->running--;
    limits->running--;
    pthread_mutex_unlock(&limits->mutex);
}

/* ---- streams ---- */

static bool has_room_for_stream(
        const struct limits *limits, const struct entry *user, struct error *err)
{
    const struct limits_options *options = &limits->options;
    if (options->streams > 0 && limits->streams >= options->streams) {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "OVERLOADED",
                "This server has as many streams open as it can; try again in a moment.");
        err->retry_after_s = 5;
        return false;
    }
    return options->user_streams == 0 || user->streams < options->user_streams ||
           error_set(err, ERROR_TOO_MANY_REQUESTS, "TOO_MANY_STREAMS",
                   "You have %lld streams of events open, as many as one user may; close a page.",
                   (long long)user->streams);
}

bool limits_stream_begin(
        struct limits *limits, const char *user_id, int64_t now_ms, struct error *err)
{
    pthread_mutex_lock(&limits->mutex);
    struct entry *user = find(limits, 'u', user_id, now_ms);
    bool ok = has_room_for_stream(limits, user, err);
    if (ok) {
        user->streams++;
        limits->streams++;
    }
    pthread_mutex_unlock(&limits->mutex);
    return ok;
}

void limits_stream_end(struct limits *limits, const char *user_id)
{
    pthread_mutex_lock(&limits->mutex);
    struct entry *user = user_at_work(limits, user_id);
    assert(user->streams > 0);
    user->streams--;
    limits->streams--;
    pthread_mutex_unlock(&limits->mutex);
}
