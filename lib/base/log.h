/* SPDX-License-Identifier: MIT */
/*
 * The program's log, on standard error. Programs report each failure once; libraries only
 * log_debug. A line carries the object: log_warn("web/net0: dropped %u runts", n).
 */
#ifndef ATOLL_LOG_H
#define ATOLL_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* The name stands before each line; level from $ATOLL_LOG (error, warn, info, debug), else as
 * given. */
void log_init(const char *program, enum log_level level);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Logs and exits with 125. Only before a program's event loop runs. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
