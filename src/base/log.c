/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/time.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    LOG_LINE_MAX = 32 * 1024, /* one write of more would be torn on most pipes and sockets */
    LOG_VALUE_MAX = 2 * 1024,
};

static _Atomic int log_level = LOG_INFO;
static _Atomic int log_format = LOG_JSON;

static const struct {
    const char *name;
    const char *column; /* of equal width, for the text format */
} log_levels[] = {
    [LOG_DEBUG] = {"debug", "DEBUG"},
      [LOG_INFO] = {"info",  "INFO "},
    [LOG_WARN] = {"warn",  "WARN "},
      [LOG_ERROR] = {"error", "ERROR"},
    [LOG_OFF] = {"off",   "OFF  "},
};

void log_configure(LogLevel level, LogFormat format)
{
    atomic_store(&log_level, (int)level);
    atomic_store(&log_format, (int)format);
}

bool log_enabled(LogLevel level)
{
    return level < LOG_OFF && (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

bool log_level_parse(Str s, LogLevel *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(log_levels); i++) {
        if (str_is(s, log_levels[i].name)) {
            *ret = (LogLevel)i;
            return true;
        }
    }
    return false;
}

static void put_value(Buf *line, const LogField *field, void (*put_str)(Buf *line, Str value))
{
    switch (field->type) {
    case LOG_FIELD_STR:
        put_str(line, str_sub(field->str, 0, LOG_VALUE_MAX));
        break;
    case LOG_FIELD_I64:
        buf_i64(line, field->i64);
        break;
    case LOG_FIELD_BOOL:
        buf_put(line, field->i64 ? STR("true") : STR("false"));
        break;
    }
}

static void put_json(Buf *line, LogLevel level, const char *event, const LogField *fields, size_t n)
{
    char now[TIME_RFC3339_SIZE];

    buf_lit(line, "{\"time\":\"");
    buf_put(line, time_rfc3339(time_now_us(), now));
    buf_lit(line, "\",\"level\":\"");
    buf_put(line, str_from(log_levels[level].name));
    buf_lit(line, "\",\"event\":");
    buf_json_str(line, str_from(event));
    for (size_t i = 0; i < n; i++) {
        buf_char(line, ',');
        buf_json_str(line, str_from(fields[i].key));
        buf_char(line, ':');
        put_value(line, &fields[i], buf_json_str);
    }
    buf_lit(line, "}\n");
}

/* Values of plain characters stand bare; others are quoted and escaped, so that no value can forge
 * a field or a line. */
static void put_text_str(Buf *line, Str value)
{
    bool is_plain = value.len > 0;

    for (size_t i = 0; i < value.len && is_plain; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        is_plain = c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
    }
    if (is_plain) {
        buf_put(line, value);
    } else {
        buf_json_str(line, value);
    }
}

static void put_text(Buf *line, LogLevel level, const char *event, const LogField *fields, size_t n)
{
    char now[TIME_RFC3339_SIZE];

    buf_put(line, time_rfc3339(time_now_us(), now));
    buf_char(line, ' ');
    buf_put(line, str_from(log_levels[level].column));
    buf_char(line, ' ');
    put_text_str(line, str_from(event));
    for (size_t i = 0; i < n; i++) {
        buf_char(line, ' ');
        buf_put(line, str_from(fields[i].key));
        buf_char(line, '=');
        put_value(line, &fields[i], put_text_str);
    }
    buf_char(line, '\n');
}

static void put_line(Buf *line, LogLevel level, const char *event, const LogField *fields, size_t n)
{
    if (atomic_load_explicit(&log_format, memory_order_relaxed) == LOG_TEXT) {
        put_text(line, level, event, fields, n);
    } else {
        put_json(line, level, event, fields, n);
    }
}

void log_write(LogLevel level, const char *event, const LogField *fields, size_t n)
{
    if (!log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    CLEANUP(buf_done) Buf line = buf_init(NULL, LOG_LINE_MAX);

    put_line(&line, level, event, fields, n);
    if (!buf_ok(&line)) {
        buf_clear(&line);
        put_line(&line, level, event, &F_BOOL("truncated", true), 1);
    }
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line.ptr, line.len);
    } while (written < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to say so. */
    errno = saved_errno;
}
