/* SPDX-License-Identifier: Apache-2.0
 * Follows a stream of server-sent events: prints each one as it comes, and takes the stream up
 * again behind the last one when the connection breaks. */
#include "base/thread.h"
#include "base/time.h"

#include "app/app.h"
#include "app/cli.h"

enum { RETRIES_MAX = 8 };
#define RETRY_FIRST_US (500 * US_PER_MS)
#define RETRY_MOST_US (30 * US_PER_SECOND)
static const size_t event_max = 16 * MIB;

typedef struct Follower {
    CliPrinter *printer;
    Buf line, data;
    Str last_id; /* in the memory of id_room */
    char id_room[64];
    Str type;
    char type_room[128];
    bool got_any; /* in this connection */
} Follower;

static Str keep(char *room, size_t size, Str value)
{
    size_t n = MIN(value.len, size);
    if (n > 0) {
        memcpy(room, value.ptr, n);
    }
    return str_of(room, n);
}

static void print_event(Follower *f)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Json *event, *items = json_array(arena);
    Error ignored = {0};
    Str text = buf_str(&f->data);
    if (json_parse(arena, text, NULL, &event, &ignored) != RC_OK) {
        event = json_object(arena); /* an event whose data is plain text */
        json_set_str(arena, event, "type", f->type);
        json_set_str(arena, event, "data", text);
    }
    json_push(arena, items, event);
    cli_print_items(f->printer, items);
    IGNORE(fflush(f->printer->out)); /* seen at the next write */
}

/* HTML Living Standard, "Interpreting an event stream", for the fields in use. */
static void take_line(Follower *f, Str line)
{
    if (line.len == 0) {
        if (f->data.len) {
            print_event(f);
        }
        buf_clear(&f->data);
        f->type = STR_EMPTY;
        return;
    }
    size_t colon = str_find_char(line, ':');
    Str name = str_sub(line, 0, colon);
    Str value = colon == SIZE_MAX ? STR_EMPTY : str_from_index(line, colon + 1);
    if (str_starts(value, STR(" "))) {
        value = str_from_index(value, 1);
    }
    if (str_is(name, "data")) {
        if (f->data.len) {
            buf_char(&f->data, '\n');
        }
        buf_put(&f->data, value);
    } else if (str_is(name, "id") && value.len <= sizeof f->id_room) {
        f->last_id = keep(f->id_room, sizeof f->id_room, value);
    } else if (str_is(name, "event")) {
        f->type = keep(f->type_room, sizeof f->type_room, value);
    }
}

static bool on_chunk(void *user, Str bytes)
{
    Follower *f = user;
    f->got_any = true;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            take_line(f, buf_str(&f->line));
            buf_clear(&f->line);
        } else if (bytes.ptr[i] != '\r') {
            buf_char(&f->line, bytes.ptr[i]);
        }
    }
    return buf_ok(&f->line) && buf_ok(&f->data) && !ferror(f->printer->out);
}

static Rc request_of(Cli *cli, const CliArgs *args, const Follower *f, CliRequest *ret, Error *err)
{
    TRY(cli_args_request(cli, args, STR_EMPTY, STR_EMPTY, ret, err));
    if (f->last_id.len) {
        size_t n = 0; /* ours replaces the one that was asked to begin with */
        for (size_t i = 0; i < ret->n_headers; i++) {
            if (!str_is(ret->headers[i].name, "Last-Event-ID")) {
                ret->headers[n++] = ret->headers[i];
            }
        }
        ret->headers[n] = (HttpPair){STR("Last-Event-ID"), f->last_id};
        ret->n_headers = n + 1;
    }
    ret->headers[ret->n_headers++] = (HttpPair){STR("Accept"), STR("text/event-stream")};
    return RC_OK;
}

/* One connection. EXIT_OK: it ended and may be opened again. */
static int follow_once(Cli *cli, const CliArgs *args, Follower *f, bool first)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    CliRequest request;
    CliAnswer answer;
    Error err = {0};
    f->got_any = false;
    if (request_of(cli, args, f, &request, &err) != RC_OK) {
        app_print_error(str_cstr(cli->arena, args->operation->words), &err);
        return EXIT_USAGE;
    }
    CliCall call = {.url = args->server,
                    .token = args->token,
                    .timeout_us = args->timeout_us,
                    .request = &request,
                    .on_chunk = on_chunk,
                    .user = f};
    Rc rc = cli_http(arena, &call, &answer, &err);
    if (rc != RC_OK && first && !f->got_any) {
        app_print_error(str_cstr(cli->arena, args->operation->words), &err);
        return cli_http_exit_code(rc);
    }
    bool worth_a_retry = rc != RC_OK || answer.status == 503 || answer.status == 200;
    return worth_a_retry ? EXIT_OK : cli_report(arena, args->operation, &answer);
}

int cli_follow(Cli *cli, const CliArgs *args)
{
    Follower f = {.printer = cli_printer_new(cli, args, stdout),
                  .line = buf_init(NULL, event_max),
                  .data = buf_init(NULL, event_max)};
    int code = EXIT_OK;
    int64_t wait_us = RETRY_FIRST_US;
    for (unsigned failures = 0; code == EXIT_OK && failures <= RETRIES_MAX; failures++) {
        if (failures) {
            thread_sleep_us(wait_us);
            wait_us = MIN(2 * wait_us, RETRY_MOST_US);
        }
        code = follow_once(cli, args, &f, failures == 0);
        if (ferror(stdout) || !buf_ok(&f.line) || !buf_ok(&f.data)) {
            code = EXIT_FAILED;
        }
        if (f.got_any) {
            failures = 0;
            wait_us = RETRY_FIRST_US;
        }
    }
    buf_done(&f.line);
    buf_done(&f.data);
    if (code == EXIT_OK) {
        fprintf(stderr, "fairway: the stream ended and could not be opened again\n");
        code = EXIT_UNREACHABLE;
    }
    return code;
}
