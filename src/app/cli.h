/* SPDX-License-Identifier: Apache-2.0
 * app/cli.h - the commands that are derived from the contract: `fairway services list`.
 *
 * The words of a command are its operationId split at the dots. Path parameters are positional;
 * query parameters, headers and top-level members of a JSON body are flags, checked against their
 * schemas before anything is sent. Everything is made of the embedded contract at run time, so a
 * new operation has its command, its help and its completion without a line here.
 *
 * One thread; everything lives in cli->arena until the program ends. */
#ifndef APP_CLI_H
#define APP_CLI_H

#include "base/buf.h"
#include "base/vec.h"

#include "platform/contract/contract.h"

#include <stdio.h>

typedef enum CliFormat { CLI_TABLE, CLI_JSON, CLI_YAML, CLI_NAME } CliFormat;

/* ---- the shape of a command (cli_operation.c) */

typedef enum CliFlagTo { CLI_TO_PATH, CLI_TO_QUERY, CLI_TO_HEADER, CLI_TO_BODY } CliFlagTo;

/* A parameter of an operation, or a member of its body, as it is given on the command line. */
typedef struct CliFlag {
    Str flag; /* "--org-id"; positional ones: "ORG-ID" */
    Str name; /* as the contract has it: "org_id" */
    CliFlagTo to;
    const Json *schema; /* resolved; of the whole value */
    Str type;           /* of the value or, when repeated, of one item */
    bool positional, required, repeated, nullable;
    bool csv;    /* repeated items are sent as one value, separated by commas */
    bool filter; /* also --name[op]=value */
    Str description;
} CliFlag;

typedef struct CliOperation {
    const Operation *op;
    Str words;      /* "services versions list" */
    CliFlag *flags; /* positional ones first, in order */
    size_t n_flags, n_positional;
    Str body_type;           /* media type of the body; "" when it takes none */
    const Json *body_schema; /* resolved; NULL when none, or not JSON */
    bool hidden;
    bool streams, only_streams; /* answers text/event-stream; nothing else */
    bool pages;                 /* has a cursor to follow */
} CliOperation;

typedef struct Cli {
    Arena *arena;
    Contract *contract;
    CliOperation *operations; /* in the order of the contract */
    size_t n_operations;
} Cli;

/* Loads the contract. Fails only when the program was built wrongly. */
MUST_CHECK Rc cli_new(Cli **ret, Error *err);
void cli_free(Cli *cli);
/* Follows "$ref" inside the contract. */
const Json *cli_resolve(const Cli *cli, const Json *schema);
/* The flag of this spelling: "--org-id", "--org_id" and "--orgId" are the same. NULL when there is
 * none. */
const CliFlag *cli_flag_find(const CliOperation *operation, Str flag);
/* "org_id", "orgId" -> "org-id" */
Str cli_kebab(Arena *arena, Str name);

/* ---- options that every derived command has (cli_args.c) */

typedef struct CliOption {
    const char *flag, *letter; /* "--output", "-o"; letter may be NULL */
    const char *value;         /* "FORMAT"; NULL: takes none */
    const char *choices;       /* "table json yaml name"; NULL: any text */
    const char *help;
} CliOption;
extern const CliOption cli_options[];
extern const size_t cli_n_options;

typedef struct CliRequest {
    HttpMethod method;
    Str target; /* "/api/services?limit=2" without the server */
    HttpPair headers[16];
    size_t n_headers;
    Str body;
} CliRequest;

typedef struct CliArgs {
    const CliOperation *operation;
    CliFormat output;
    bool help, all, quiet, follow;
    Str columns, data, server, token;
    bool has_data;
    int64_t timeout_us;
    Str path;                     /* filled from the positional arguments */
    VEC(HttpPair) query, headers; /* in the order given */
    Json *body;                   /* JSON to send; NULL none */
    Str raw_body;                 /* when the body is not JSON */
    VEC(Str) positional;
} CliArgs;

/* Defaults, with FAIRWAY_URL and FAIRWAY_TOKEN of the environment. */
void cli_args_init(CliArgs *args, Arena *arena);
/* Takes argv[*at] if it is one of cli_options, and its value; moves *at behind it. *ret_taken
 * tells. Fails RC_INVALID with what is wrong. */
MUST_CHECK Rc
cli_args_take_option(CliArgs *args, int argc, char **argv, int *at, bool *ret_taken, Error *err);
/* The rest of the command line after the words; then checks that nothing is missing. */
MUST_CHECK Rc cli_args_parse(Cli *cli, CliArgs *args, int argc, char **argv, Error *err);
/* The request of these arguments; cursor_name "" = first page, else that query parameter is set. */
MUST_CHECK Rc cli_args_request(
    Cli *cli, const CliArgs *args, Str cursor_name, Str cursor, CliRequest *ret, Error *err);
/* Text of @FILE, "-" (standard input) or itself. */
MUST_CHECK Rc cli_read_data(Arena *arena, Str value, Str *ret, Error *err);

/* ---- HTTP (cli_http.c): libcurl directly, since the guards of net/http_client.h are for servers
 * that follow other people's URLs, and a person's own proxy settings are to be honoured here. */

typedef struct CliAnswer {
    int status;
    Str content_type; /* without parameters, lower case */
    Str request_id, location, etag;
    Str body;
} CliAnswer;

/* Bytes of an event stream as they come; false ends the call. */
typedef bool (*CliChunk)(void *user, Str bytes);

typedef struct CliCall {
    Str url; /* of the server, without a slash at the end */
    Str token;
    int64_t timeout_us; /* for the whole call; of a stream only until it is open */
    const CliRequest *request;
    CliChunk on_chunk; /* NULL: no stream is asked for */
    void *user;
} CliCall;

/* RC_OK for every complete answer. Fails RC_INVALID (no URL of a server), RC_UPSTREAM (no server
 * answered), RC_TIMEOUT, RC_LIMIT. */
MUST_CHECK Rc cli_http(Arena *arena, const CliCall *call, CliAnswer *ret, Error *err);
int cli_http_exit_code(Rc rc);

/* ---- answers (cli_print.c, cli_table.c) */

typedef VEC(Str) CliStrs;

typedef struct CliPrinter {
    Cli *cli;
    const CliArgs *args;
    FILE *out;
    bool in_list;    /* items are being printed one page after the other */
    size_t n_items;  /* printed so far */
    CliStrs columns; /* of the table; paths */
    size_t *widths;  /* fixed by the first page */
    bool tty, colour;
    size_t screen; /* columns of the screen; 0: do not cut */
} CliPrinter;

CliPrinter *cli_printer_new(Cli *cli, const CliArgs *args, FILE *out);
/* The items of a list answer, or NULL when it is not a list. */
const Json *cli_items(const Json *answer);
/* A whole answer: a list as its items, anything else as it is. */
void cli_print_answer(CliPrinter *printer, const Json *answer);
/* A page of items; then the end of the list. */
void cli_print_items(CliPrinter *printer, const Json *items);
void cli_print_end(CliPrinter *printer);
void cli_print_table(CliPrinter *printer, const Json *items);
void cli_print_fields(CliPrinter *printer, const Json *object);
/* What a script names this item by: its id, entity reference or name. */
Str cli_identity(Arena *arena, const Json *item);
/* The value at "metadata.name" or "/metadata/name". */
const Json *cli_at(const Json *item, Str path);
/* One line of text for a table: no control characters. */
Str cli_cell(Arena *arena, const Json *value);
size_t cli_screen_columns(int fd); /* 0 when it is not a terminal */
bool cli_may_colour(int fd);

/* ---- running (cli_run.c, cli_stream.c) */

/* Sends, prints and gives the exit code. */
int cli_run(Cli *cli, const CliArgs *args);
/* Follows an event stream until it is ended from outside. */
int cli_follow(Cli *cli, const CliArgs *args);
/* Says on standard error what the server refused; gives the exit code. operation may be NULL. */
int cli_report(Arena *arena, const CliOperation *operation, const CliAnswer *answer);
int cli_exit_code(int status);

/* ---- help (cli_help.c, cli_markdown.c) */

void cli_help_top(const Cli *cli, FILE *out);
void cli_help_group(const Cli *cli, Str words, FILE *out);
void cli_help_operation(const Cli *cli, const CliOperation *operation, FILE *out);
void cli_help_command(size_t command, FILE *out); /* index into app_commands */
void cli_write_markdown(const Cli *cli, FILE *out);
/* "fairway teams get ID" */
Str cli_usage(Arena *arena, const CliOperation *operation);
/* Commands to try, made of the contract's examples. */
void cli_examples(const Cli *cli, const CliOperation *operation, CliStrs *ret);
/* What one flag accepts: "integer", "one of a, b". */
Str cli_accepts(Arena *arena, const CliFlag *flag);

#endif
