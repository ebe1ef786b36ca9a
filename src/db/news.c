/* Words to every loop of the process. Each listener has a box that any thread fills and its loop empties; what overflows
 * becomes "anything". All memory here is one tree behind one mutex: a box whose loop has stopped before it was emptied
 * goes with the store. */
#include "db/db_internal.h"

#include <bsd/sys/queue.h>
#include <pthread.h>

#define BOX_MAX_BYTES (64 * 1024)

struct db_listener {
    LIST_ENTRY(db_listener) link;
    struct db_news *news;
    struct loop *loop;
    db_heard *heard;
    void *argument;
    struct loop_call empty;
    bool called; /* `empty` is on its way */
    bool closed;
    struct buffer box; /* words, each with its NUL */
    bool anything;
};

struct db_news {
    pthread_mutex_t mutex; /* of all that follows, the boxes' contents and their memory */
    LIST_HEAD(, db_listener) listeners;
};

static int store_news_freed(struct db_news **of_store)
{
    pthread_mutex_destroy(&(*of_store)->mutex);
    mem_free(*of_store);
    return 0;
}

struct db_news *db_news_new(struct db_store *store)
{
    /* A root, not the store's child: several threads allocate in it, one at a time. */
    struct db_news *news = mem_new(NULL, struct db_news);
    pthread_mutex_init(&news->mutex, NULL);
    LIST_INIT(&news->listeners);
    struct db_news **of_store = mem_new(store, struct db_news *);
    *of_store = news;
    mem_on_free(of_store, store_news_freed);
    return news;
}

/* On the listener's loop. */
static void empty_box(void *argument)
{
    struct db_listener *listener = argument;
    struct db_news *news = listener->news;
    pthread_mutex_lock(&news->mutex);
    struct buffer box = listener->box;
    bool anything = listener->anything, closed = listener->closed;
    listener->called = listener->anything = false;
    buffer_init(&listener->box, listener, BOX_MAX_BYTES);
    if (closed) {
        mem_free(listener);
    }
    pthread_mutex_unlock(&news->mutex);
    if (closed) {
        return; /* its box went with it */
    }
    if (anything) {
        listener->heard(listener->argument, NULL);
    }
    for (size_t at = 0; !anything && at < box.length; at += strlen(box.data + at) + 1) {
        listener->heard(listener->argument, box.data + at);
    }
    pthread_mutex_lock(&news->mutex);
    mem_free(box.data);
    pthread_mutex_unlock(&news->mutex);
}

void db_news_tell(struct db_news *news, const char *what)
{
    struct db_listener *listener;
    pthread_mutex_lock(&news->mutex);
    LIST_FOREACH (listener, &news->listeners, link) {
        if (what != NULL) {
            buffer_add(&listener->box, what, strlen(what) + 1);
        }
        listener->anything = listener->anything || what == NULL || listener->box.overflow;
        if (!listener->called) {
            listener->called = true;
            listener->empty = (struct loop_call){.function = empty_box, .argument = listener};
            loop_call(listener->loop, &listener->empty);
        }
    }
    pthread_mutex_unlock(&news->mutex);
}

void db_notify(struct db *db, const char *what)
{
    const char *word = strlen(what) <= DB_NEWS_MAX_BYTES ? what : NULL;
    db_news_tell(db->store->news, word);
    if (db->driver->notify != NULL) {
        db->driver->notify(db, word);
    }
}

struct db_listener *db_listen(struct db *db, db_heard *heard, void *argument)
{
    struct db_news *news = db->store->news;
    pthread_mutex_lock(&news->mutex);
    struct db_listener *listener = mem_new(news, struct db_listener);
    listener->news = news;
    listener->loop = db->loop;
    listener->heard = heard;
    listener->argument = argument;
    buffer_init(&listener->box, listener, BOX_MAX_BYTES);
    LIST_INSERT_HEAD(&news->listeners, listener, link);
    pthread_mutex_unlock(&news->mutex);
    if (db->driver->listen != NULL) {
        db->driver->listen(db->store);
    }
    return listener;
}

void db_unlisten(struct db_listener *listener)
{
    struct db_news *news = listener->news;
    pthread_mutex_lock(&news->mutex);
    LIST_REMOVE(listener, link);
    listener->closed = true;
    if (!listener->called) {
        mem_free(listener);
    }
    pthread_mutex_unlock(&news->mutex);
}
