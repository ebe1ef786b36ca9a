/* The log: one JSON object a line on standard error, written with one write(2), with the fields of the running fiber
 * (request, user, …) added by themselves. Levels: error = someone must act, warn = we went on, info = life cycle,
 * debug. No secret is ever passed in: that is the caller's duty, and `error.detail`'s. */
#pragma once

#include "base/mem.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Fields added to every line written while they are current. The fiber switch swaps the current context, so each
 * fiber has its own; `key` is static, `value` is kept by `owner`. */
struct log_context;

/* For the whole process; call before threads start. The default is LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* Add a field to the current context for as long as `owner` lives. */
void log_add_field(void *owner, const char *key, const char *value);
/* Make `context` (NULL: none) current on this thread; returns the one before. For the fiber switch only. */
struct log_context *log_context_swap(struct log_context *context);
