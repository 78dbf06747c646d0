/* SPDX-License-Identifier: Apache-2.0
 * base/log.h - structured logs: one line per event on standard error, JSON or text.
 *
 * `event` is a stable identifier ("http.request", "catalog.source.failed"). Never log secrets,
 * bodies or personal data. Thread-safe: a line is written by one write(2). base/, data/, store/
 * log at debug only; the layer that handles an error logs it, once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"
#include "base/str.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF } LogLevel;
typedef enum LogFormat { LOG_JSON, LOG_TEXT } LogFormat;

typedef enum LogFieldType { LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_BOOL } LogFieldType;
typedef struct LogField {
    const char *key;
    LogFieldType type;
    Str str;
    int64_t i64;
} LogField;

#define F_STR(key, value) ((LogField){(key), LOG_FIELD_STR, (value), 0})
#define F_CSTR(key, value) ((LogField){(key), LOG_FIELD_STR, str_from(value), 0})
#define F_I64(key, value) ((LogField){(key), LOG_FIELD_I64, STR_EMPTY, (int64_t)(value)})
#define F_BOOL(key, value) ((LogField){(key), LOG_FIELD_BOOL, STR_EMPTY, (value) ? 1 : 0})

void log_configure(LogLevel level, LogFormat format);
bool log_enabled(LogLevel level);
void log_write(LogLevel level, const char *event, const LogField *fields, size_t n);

#define LOG_FIELDS_(...)                                                                           \
    ((const LogField[]){__VA_ARGS__}), sizeof((const LogField[]){__VA_ARGS__}) / sizeof(LogField)
/* At least one field: log_info("server.ready", F_CSTR("url", url)); */
#define log_debug(event, ...) log_write(LOG_DEBUG, (event), LOG_FIELDS_(__VA_ARGS__))
#define log_info(event, ...) log_write(LOG_INFO, (event), LOG_FIELDS_(__VA_ARGS__))
#define log_warn(event, ...) log_write(LOG_WARN, (event), LOG_FIELDS_(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_ERROR, (event), LOG_FIELDS_(__VA_ARGS__))

MUST_CHECK bool log_level_parse(Str s, LogLevel *ret); /* debug info warn error off */

#endif
