#include "main/serve.h"

#include "api/api.h"
#include "base/log.h"
#include "core/redirect.h"
#include "main/loop_thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DRAIN_TIMEOUT_MS 30000

struct server {
    const struct config *config;
    struct db_store *store;
    const struct catalog *catalog;
    const char *dev_user;
    const char *public_url, *frontend_url;
    struct limits *limits;
    int port;
    struct server_thread *threads;
    int count;
};

struct server_thread {
    struct server *server;
    bool runs_jobs;
    struct loop_thread *thread;
    struct core *core;
    struct http_server *http;
};

/* The parts between the sockets: everything that one loop has of its own. */
static bool make_parts(struct server_thread *thread, void *owner, struct loop *loop,
        struct api **api_out, struct error *err)
{
    static const enum recording recordings[] = {
            [CONFIG_RECORDING_FULL] = RECORDING_FULL,
            [CONFIG_RECORDING_REDACTED] = RECORDING_REDACTED,
            [CONFIG_RECORDING_METADATA] = RECORDING_METADATA,
    };
    const struct server *server = thread->server;
    const struct config *config = server->config;
    struct db *db = NULL;
    struct auth *auth = NULL;
    struct auth_options auth_options = {
            .secret = config->jwt_secret,
            .issuer = config->jwt_issuer,
            .audience = config->jwt_audience,
            .user_claim = config->jwt_user_claim,
    };
    if (!db_open(owner, server->store, loop, &db, err) ||
            !auth_new(owner, &auth_options, &auth, err)) {
        return false;
    }
    struct composio_options composio_options = {
            .base_url = config->composio_base_url,
            .api_key = config->composio_api_key,
            .timeout_ms = config->upstream_timeout_ms,
            .patience_ms = config->upstream_patience_ms,
    };
    struct fetch_options fetch_options = {0};
    struct fetcher *fetcher = fetcher_new(owner, loop, &fetch_options);
    struct core_options core_options = {
            .public_url = server->public_url,
            .frontend_url = server->frontend_url,
            .redirect_uris = config->redirect_uris,
            .verify_browser = config->connect_verification == CONFIG_CONNECT_VERIFICATION_BROWSER,
            .execute_timeout_ms = config->execute_timeout_ms,
            .executions_kept_ms = config->executions_kept_days * 24 * 3600 * 1000,
            .recording = recordings[config->recording],
            .limits = server->limits,
            .webhook_secrets = config->composio_webhook_secret,
            .sync_interval_ms = config->sync_interval_ms,
            .tool_sync_interval_ms = config->tool_sync_interval_ms,
            .check_arguments = config->check_arguments == CONFIG_ON,
    };
    thread->core = core_new(owner, loop, db, composio_new(owner, fetcher, &composio_options),
            server->catalog, &core_options);
    struct api_options api_options = {
            .frontend_url = server->frontend_url,
            .max_batch = (int)config->max_batch,
            .dev_user = server->dev_user,
    };
    *api_out = api_new(owner, thread->core, db, auth, &api_options);
    return true;
}

static bool thread_begin(void *argument, void *owner, struct loop *loop, struct error *err)
{
    struct server_thread *thread = argument;
    struct server *server = thread->server;
    struct api *api = NULL;
    if (!make_parts(thread, owner, loop, &api, err)) {
        return false;
    }
    struct http_options options = {
            .host = server->config->listen.host,
            .port = server->port,
            .handler = api_handle,
            .context = api,
            .refusal = api_refusal,
            .max_body_bytes = (size_t)server->config->max_body_bytes,
            .handler_timeout_ms = server->config->request_timeout_ms,
            .max_stream_ms = server->config->stream_lifetime_ms,
    };
    if (!http_server_new(owner, loop, &options, &thread->http, err)) {
        return false;
    }
    if (thread->runs_jobs) {
        core_start_jobs(thread->core);
    }
    return true;
}

static void thread_end(void *argument)
{
    struct server_thread *thread = argument;
    struct error err = {0};
    if (!http_server_drain(thread->http, &err) || !core_drain(thread->core, &err)) {
        log_warn("stopped with work unfinished: %s", err.message);
        /* Its fibers use what would be freed now. What they had not recorded is as after a crash. */
        _exit(EXIT_FAILURE);
    }
}

/* The port to serve on: `port`, or a free one for 0. The threads' sockets share their port (SO_REUSEPORT), so a second
 * program would join them unseen: a socket that does not share tells whether somebody is there already. */
static bool claim_port(const char *host, int port, int *port_out, struct error *err)
{
    struct addrinfo hints = {
            .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *address = NULL;
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    int failed = getaddrinfo(*host == '\0' ? NULL : host, service, &hints, &address);
    if (failed != 0) {
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "ADDRESS_UNUSABLE",
                "LISTEN: %.100s is no address of this machine: %s", host, gai_strerror(failed));
    }
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
              getsockname(fd, (struct sockaddr *)&bound, &size) == 0;
    int why = errno;
    freeaddrinfo(address);
    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "ADDRESS_UNUSABLE",
                "cannot listen on %.100s port %d: %s; set LISTEN to another address", host, port,
                strerror(why));
    }
    *port_out = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    return true;
}

/* Starting runs code of forty shared libraries that is never run again. Its pages need not count as this process's: they
 * are the files' own, never written (text has no relocations), and come back from the page cache where needed. */
static void release_startup_code(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t size = 0;
    while (maps != NULL && getline(&line, &size, maps) > 0) {
        unsigned long start, end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) == 3 && strcmp(mode, "r-xp") == 0 &&
                strchr(line, '/') != NULL) {
            madvise((void *)start, end - start, MADV_DONTNEED); /* refused is as good as done */
        }
    }
    free(line);
    if (maps != NULL) {
        fclose(maps);
    }
}

static int server_freed(struct server *server)
{
    server_stop(server);
    return 0;
}

bool server_start(void *owner, const struct config *config, struct db_store *store,
        const struct catalog *catalog, const char *dev_user, struct server **server_out,
        struct error *err)
{
    struct server *server = mem_new(owner, struct server);
    *server = (struct server){
            .config = config, .store = store, .catalog = catalog, .dev_user = dev_user};
    if (!redirect_list_check(config->redirect_uris, err) ||
            !claim_port(config->listen.host, config->listen.port, &server->port, err)) {
        mem_free(server);
        return false;
    }
    struct config_address bound = {config->listen.host, server->port};
    server->public_url =
            config->public_url != NULL ? config->public_url : config_address_url(server, bound);
    server->frontend_url = config->frontend_url != NULL ? config->frontend_url : server->public_url;
    struct limits_options limits_options = {
            .user_executions_per_minute = config->user_executions_per_minute,
            .provider_executions_per_minute = config->provider_executions_per_minute,
            .user_executions_at_once = config->user_executions_at_once,
            .executions_at_once = config->executions_at_once,
            .user_streams = config->user_streams,
            .streams = config->streams,
    };
    server->limits = limits_new(server, &limits_options);
    db_store_set_connections(store, (int)config->database_connections);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    server->count =
            config->tenon_threads > 0 ? (int)config->tenon_threads : (cores > 0 ? (int)cores : 1);
    server->threads = mem_array(server, struct server_thread, (size_t)server->count);
    mem_on_free(server, server_freed);
    for (int i = 0; i < server->count; i++) {
        struct server_thread *thread = &server->threads[i];
        thread->server = server;
        thread->runs_jobs = i == 0;
        struct loop_thread_options options = {
                .name = "serve",
                .begin = thread_begin,
                .end = thread_end,
                .end_timeout_ms = DRAIN_TIMEOUT_MS,
                .argument = thread,
        };
        if (!loop_thread_start(server, &options, &thread->thread, err)) {
            mem_free(server);
            return false;
        }
    }
    release_startup_code();
    *server_out = server;
    return true;
}

const char *server_address(const struct server *server, void *owner)
{
    return config_address_url(
            owner, (struct config_address){server->config->listen.host, server->port});
}

void server_stop(struct server *server)
{
    for (int i = 0; i < server->count && server->threads[i].thread != NULL; i++) {
        loop_thread_stop(server->threads[i].thread);
    }
    for (int i = 0; i < server->count && server->threads[i].thread != NULL; i++) {
        loop_thread_join(server->threads[i].thread);
    }
}
