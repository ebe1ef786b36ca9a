/* News between processes: NOTIFY on any connection, LISTEN on one of the process's own, on a thread that may block. A
 * bouncer in transaction mode passes on the first and not the second; where no way past it was given, whoever shows
 * changes has to ask, as with SQLite. A word is "<id of the telling store> <what>": what a process told itself it has heard
 * already. */
#include "base/clock.h"
#include "base/log.h"
#include "db/postgres_internal.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BACKOFF_MS 2000

struct postgres_news {
    struct postgres_store *store;
    pthread_t thread;
    int wake; /* readable: the store ends */
};

/* Until something comes. False: the store ends. */
static bool wait_for(const struct postgres_news *news, int fd, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = news->wake, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    poll(fds, fd < 0 ? 1 : 2, timeout_ms);
    return fds[0].revents == 0;
}

static void tell(const struct postgres_news *news, const char *word)
{
    const char *what = strchr(word, ' ');
    size_t id_length = strlen(news->store->id);
    if (what != NULL && ((size_t)(what - word) != id_length ||
                                strncmp(word, news->store->id, id_length) != 0)) {
        db_news_tell(news->store->store.news, what + 1);
    }
}

/* A bouncer makes up what it says the server process is. It takes LISTEN, and drops what is heard. */
static bool is_servers_own(PGconn *handle)
{
    PGresult *result = PQexec(handle, "SELECT pg_backend_pid()");
    bool own = PQresultStatus(result) != PGRES_TUPLES_OK ||
               strtol(PQgetvalue(result, 0, 0), NULL, 10) == PQbackendPID(handle);
    PQclear(result);
    if (!own) {
        log_info(
                "a bouncer stands before the database: what other processes change is asked for, not heard;"
                " DATABASE_DIRECT_URL is the way past it");
    }
    return own;
}

/* Listen until the connection breaks. False: the store ends, or it cannot be. */
static bool listen_once(const struct postgres_news *news)
{
    const struct postgres_address *address = &news->store->listened;
    PGconn *handle = PQconnectdbParams(address->names, address->values, 0);
    PGresult *result = PQexec(handle, "LISTEN " POSTGRES_CHANNEL);
    bool alive = PQresultStatus(result) == PGRES_COMMAND_OK, going_on = true;
    PQclear(result);
    if (alive && !is_servers_own(handle)) {
        PQfinish(handle);
        return false;
    }
    atomic_store(&news->store->listening, alive);
    if (alive) {
        db_news_tell(news->store->store.news, NULL); /* what was told before now was not heard */
    } else {
        log_warn("news of other processes are not heard: %s", PQerrorMessage(handle));
    }
    while (alive && (going_on = wait_for(news, PQsocket(handle), -1))) {
        alive = PQconsumeInput(handle) == 1;
        for (PGnotify *told; (told = PQnotifies(handle)) != NULL; PQfreemem(told)) {
            tell(news, told->extra);
        }
    }
    atomic_store(&news->store->listening, false);
    PQfinish(handle);
    return going_on;
}

static void *listen_always(void *argument)
{
    const struct postgres_news *news = argument;
    while (listen_once(news) && wait_for(news, -1, BACKOFF_MS)) {
    }
    return NULL;
}

static int news_end(struct postgres_news *news)
{
    if (eventfd_write(news->wake, 1) == 0) {
        pthread_join(news->thread, NULL);
    }
    close(news->wake);
    return 0;
}

/* Prepared statements that went wrong tell of a bouncer, too. */
static bool is_bounced(struct postgres_store *store)
{
    return !store->direct && atomic_load(&store->unnamed);
}

bool postgres_hears(struct postgres_store *store)
{
    return atomic_load(&store->listening) && !is_bounced(store);
}

void postgres_listen(struct db_store *base)
{
    struct postgres_store *store = (struct postgres_store *)base;
    if (is_bounced(store) || atomic_exchange(&store->listener_begun, true)) {
        return;
    }
    struct postgres_news *news = mem_new(store->listener_owner, struct postgres_news);
    news->store = store;
    news->wake = eventfd(0, EFD_CLOEXEC);
    if (pthread_create(&news->thread, NULL, listen_always, news) == 0) {
        pthread_setname_np(news->thread, "db-news");
        mem_on_free(news, news_end);
    }
}
