#include "core/events.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"
#include "crypto/crypto.h"

#include <assert.h>
#define HASH_FUNCTION HASH_OAT /* the default one falls through without saying so: a warning */
#include <uthash.h>

/* How often to ask whether another process has written (db_version), and to try again what failed. */
#define ASK_EVERY_MS    1000
#define LOOK_TIMEOUT_MS 10000
#define LOOKS_IN_A_ROW  50 /* then others get a turn */
#define DIGEST_BYTES    sizeof(uint64_t)
#define LAST_ID_MAX     4096 /* characters; longer ones are of another program */

struct watched_user {
    UT_hash_handle hh;
    struct events *events;
    LIST_HEAD(, events_watcher) watchers;
    TAILQ_ENTRY(watched_user) link; /* among the doubtful */
    bool doubtful;                  /* to be read, and compared with what its watchers know */
    bool being_read;
    char name[];
};

struct events {
    struct core *core;
    struct watched_user *users;
    TAILQ_HEAD(, watched_user) doubtful;
    struct fiber_condition changed; /* somebody is doubtful, or the last watcher has gone */
    struct db_listener *listener;
    bool running;
    int64_t version; /* db_version's last; -1: not known */
};

void connections_changed(struct core *core, const char *user)
{
    db_notify(core->db, user);
}

bool connections_write(struct core *core, void *memory, const char *user,
        const struct db_statement *statements, size_t count, const struct db_rows **rows_out,
        struct error *err)
{
    if (!db_write(core->db, memory, statements, count, rows_out, err)) {
        return false;
    }
    connections_changed(core, user);
    return true;
}

/* ---- what a watcher knows ---- */

static void add_part(struct buffer *text, const char *part)
{
    buffer_add_text(text, part == NULL ? "" : part);
    buffer_add_char(text, '\0');
}

/* Of what is shown of a provider, less the times of its last use and look. */
static uint64_t digest_of(void *memory, const struct integration *integration)
{
    const struct connection *connection = &integration->connection;
    struct buffer text;
    uint8_t hash[SHA256_SIZE];
    uint64_t digest;
    buffer_init(&text, memory, SIZE_MAX / 2);
    add_part(&text, integration->provider);
    if (integration->has_connection) {
        add_part(&text, connection->id);
        add_part(&text, connection_status_name(connection->status));
        add_part(&text, connection->label);
        buffer_add_int(&text, connection->connected_at_ms);
    }
    sha256(buffer_slice(&text), hash);
    memcpy(&digest, hash, sizeof digest);
    return digest;
}

static void forget_known(struct events_watcher *watcher)
{
    if (watcher->known != watcher->few) {
        mem_free(watcher->known);
    }
    watcher->known = watcher->few;
    watcher->known_count = 0;
}

static void set_known(struct events_watcher *watcher, const uint64_t *known, size_t count)
{
    forget_known(watcher);
    if (count > EVENTS_FEW) {
        watcher->known = mem_array(watcher->user, uint64_t, count);
    }
    watcher->known_count = count;
    if (count > 0) {
        memcpy(watcher->known, known, count * sizeof known[0]);
    }
}

static void read_last_id(struct events_watcher *watcher, void *memory, const char *id)
{
    struct slice bytes;
    set_known(watcher, NULL, 0);
    if (id != NULL && strlen(id) <= LAST_ID_MAX && base64url_decode(memory, slice_of(id), &bytes) &&
            bytes.length % DIGEST_BYTES == 0 && bytes.length > 0) {
        uint64_t *known = mem_array(memory, uint64_t, bytes.length / DIGEST_BYTES);
        memcpy(known, bytes.data, bytes.length);
        set_known(watcher, known, bytes.length / DIGEST_BYTES);
    }
}

static bool is_known(const struct events_watcher *watcher, uint64_t digest)
{
    for (size_t i = 0; i < watcher->known_count; i++) {
        if (watcher->known[i] == digest) {
            return true;
        }
    }
    return false;
}

/* A user as just read. */
struct picture {
    void *memory;
    const struct integration *list;
    const uint64_t *digests;
    size_t count;
};

/* Tell one watcher what he does not know; afterwards he may be gone. */
static void tell(struct events_watcher *watcher, const struct picture *picture)
{
    size_t count = picture->count, known_count = 0, event_count = 0;
    uint64_t *known = mem_array(picture->memory, uint64_t, count);
    struct connection_event *events = mem_array(picture->memory, struct connection_event, count);
    for (size_t i = 0; i < count; i++) {
        if (is_known(watcher, picture->digests[i])) {
            known[known_count++] = picture->digests[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_known(watcher, picture->digests[i])) {
            known[known_count++] = picture->digests[i];
            events[event_count++] = (struct connection_event){
                    .integration = &picture->list[i],
                    .id = base64url_encode(picture->memory,
                            (struct slice){(const char *)known, known_count * DIGEST_BYTES}),
            };
        }
    }
    set_known(watcher, known, known_count);
    if (event_count > 0) {
        watcher->heard(watcher->argument, events, event_count);
    }
}

/* ---- users ---- */

static void doubt(struct watched_user *user)
{
    if (!user->doubtful) {
        user->doubtful = true;
        TAILQ_INSERT_TAIL(&user->events->doubtful, user, link);
        fiber_condition_wake_all(&user->events->changed);
    }
}

static void doubt_all(struct events *events)
{
    for (struct watched_user *user = events->users; user != NULL; user = user->hh.next) {
        doubt(user);
    }
}

static void no_doubt(struct watched_user *user)
{
    if (user->doubtful) {
        TAILQ_REMOVE(&user->events->doubtful, user, link);
        user->doubtful = false;
    }
}

static void forget_unwatched(struct watched_user *user)
{
    struct events *events = user->events;
    if (!LIST_EMPTY(&user->watchers) || user->being_read) {
        return;
    }
    no_doubt(user);
    HASH_DEL(events->users, user);
    mem_free(user);
    if (events->users == NULL) {
        fiber_condition_wake_all(&events->changed);
    }
}

static struct watched_user *find_user(struct events *events, const char *name)
{
    struct watched_user *user = NULL;
    HASH_FIND_STR(events->users, name, user);
    return user;
}

/* False: it could not be read; it stays doubtful. */
static bool look_at(struct watched_user *user)
{
    struct core *core = user->events->core;
    void *memory = mem_scope_new(NULL, "events");
    struct context context = {core, memory, user->name};
    struct integration *list = NULL;
    struct error err = {0};
    struct picture picture = {.memory = memory};
    no_doubt(user); /* what is told from now on is looked at again */
    user->being_read = true;
    bool ok = connections_list(&context, &list, &picture.count, &err);
    if (ok) {
        uint64_t *digests = mem_array(memory, uint64_t, picture.count);
        for (size_t i = 0; i < picture.count; i++) {
            digests[i] = digest_of(memory, &list[i]);
        }
        picture.list = list;
        picture.digests = digests;
        struct events_watcher *watcher, *next;
        LIST_FOREACH_SAFE (watcher, &user->watchers, link, next) {
            tell(watcher, &picture);
        }
    } else {
        log_warn("changes not looked at yet: %s", err.message);
        doubt(user);
    }
    user->being_read = false;
    forget_unwatched(user);
    mem_free(memory);
    return ok;
}

/* ---- the fiber ---- */

static void heard_of(void *argument, const char *what)
{
    struct events *events = argument;
    struct watched_user *user = what == NULL ? NULL : find_user(events, what);
    if (what == NULL) {
        doubt_all(events);
    } else if (user != NULL) {
        doubt(user);
    }
}

static void ask_version(struct events *events)
{
    int64_t version = -1;
    struct error err = {0};
    fiber_set_deadline(clock_monotonic_ms() + LOOK_TIMEOUT_MS);
    if (!db_version(events->core->db, &version, &err)) {
        log_warn("changes by others not asked for: %s", err.message);
    }
    if (version == -1 || version != events->version) {
        doubt_all(events);
    }
    events->version = version;
}

static void look_at_doubtful(struct events *events)
{
    bool ok = true;
    for (int i = 1; ok && !TAILQ_EMPTY(&events->doubtful); i++) {
        fiber_set_deadline(clock_monotonic_ms() + LOOK_TIMEOUT_MS);
        ok = look_at(TAILQ_FIRST(&events->doubtful));
        if (i % LOOKS_IN_A_ROW == 0) {
            fiber_yield();
        }
    }
}

static void events_main(void *argument)
{
    struct events *events = argument;
    struct core *core = events->core;
    int64_t ask_ms = clock_monotonic_ms();
    events->version = -1;
    events->listener = db_listen(core->db, heard_of, events);
    while (events->users != NULL) {
        struct error ignored = {0};
        if (clock_monotonic_ms() >= ask_ms) {
            ask_version(events);
            ask_ms = clock_monotonic_ms() + ASK_EVERY_MS;
        }
        look_at_doubtful(events);
        fiber_set_deadline(ask_ms);
        (void)(events->users != NULL && fiber_condition_wait(&events->changed, &ignored));
    }
    db_unlisten(events->listener);
    events->running = false;
    core_task_ended(core);
}

/* ---- watchers ---- */

static struct events *events_of(struct core *core)
{
    if (core->events == NULL) {
        core->events = mem_new(core, struct events);
        core->events->core = core;
        TAILQ_INIT(&core->events->doubtful);
    }
    return core->events;
}

static struct watched_user *make_user(struct events *events, const char *name)
{
    size_t length = strlen(name);
    struct watched_user *user = mem_block(events, sizeof *user + length + 1, "watched user");
    *user = (struct watched_user){.events = events};
    LIST_INIT(&user->watchers);
    memcpy(user->name, name, length + 1);
    HASH_ADD_KEYPTR(hh, events->users, user->name, length, user);
    return user;
}

bool events_watch(const struct context *context, struct events_watcher *watcher,
        const char *last_id, events_heard *heard, void *argument, struct error *err)
{
    struct core *core = context->core;
    struct events *events = events_of(core);
    if (core->options.limits != NULL &&
            !limits_stream_begin(core->options.limits, context->user, clock_monotonic_ms(), err)) {
        return false;
    }
    struct watched_user *user = find_user(events, context->user);
    if (user == NULL) {
        user = make_user(events, context->user);
    }
    *watcher = (struct events_watcher){.user = user, .heard = heard, .argument = argument};
    read_last_id(watcher, context->memory, last_id);
    LIST_INSERT_HEAD(&user->watchers, watcher, link);
    if (!events->running) {
        events->running = true;
        core_task_begun(core);
        fiber_start(core->loop, "events", events_main, events, FIBER_NO_DEADLINE);
    }
    doubt(user);
    return true;
}

void events_unwatch(struct events_watcher *watcher)
{
    struct watched_user *user = watcher->user;
    struct core *core = user->events->core;
    LIST_REMOVE(watcher, link);
    forget_known(watcher);
    if (core->options.limits != NULL) {
        limits_stream_end(core->options.limits, user->name);
    }
    forget_unwatched(user);
}
