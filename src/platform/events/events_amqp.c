/* SPDX-License-Identifier: Apache-2.0
 * Relays every event to a topic exchange of RabbitMQ (AMQP 0-9-1 with publisher confirms).
 *
 * It is a durable subscription like any other: its thread hands over one event at a time, here it
 * is published and the broker's confirm awaited, and only then the position moves on. So order, the
 * lease among processes, growing waits after a failure and going on after a restart are those of
 * events_subscribe.c, and an event is sent again whenever its confirm was not seen. The connection
 * has no heartbeat, because nobody would answer one between events: one that died meanwhile is
 * noticed by the next event, which opens another. */
#include "base/log.h"
#include "base/time.h"

#include "platform/events/events_priv.h"
#include "platform/settings/settings.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

enum {
    CHANNEL = 1,
    PERSISTENT = 2,
    EXCHANGE_MAX = 127,       /* bytes of a name in AMQP */
    ROUTING_KEY_MAX = 255,    /* likewise */
    SUBJECT_HEADER_MAX = 4096 /* all headers must fit in one frame */
};
#define STEP_TIMEOUT_US (5 * US_PER_SECOND) /* of connecting, of each request, of a confirm */

struct EventsAmqp {
    struct amqp_connection_info server; /* its texts live in the arena of Events */
    const char *exchange;
    const char *tls_ca, *tls_cert, *tls_key; /* files; "" when not given */
    Metric *published, *connected;
    /* The rest belongs to the thread of the subscription. */
    amqp_connection_state_t connection; /* NULL: none */
    uint64_t sent;                      /* messages on this connection: the last delivery tag */
};

/* ---- settings */

Rc events_amqp_new(const Platform *platform, Arena *arena, EventsAmqp **ret, Error *err)
{
    Str url = settings_str(platform->settings, "amqp.url");
    Str exchange = settings_str(platform->settings, "amqp.exchange");
    if (url.len == 0) {
        *ret = NULL;
        return RC_OK;
    }
    EventsAmqp *a = ARENA_NEW(arena, EventsAmqp);
    char *text = arena_dup(arena, str_cstr(arena, url), url.len + 1); /* it is cut up in place */
    if (amqp_parse_url(text, &a->server) != AMQP_STATUS_OK) {
        return error_set(err, RC_INVALID,
                         "amqp.url must look like amqp://user:password@host:5672/vhost");
    }
    if (a->server.vhost[0] == '\0') {
        a->server.vhost = arena_dup(arena, "/", sizeof("/"));
    }
    if (exchange.len == 0 || exchange.len > EXCHANGE_MAX) {
        return error_set(err, RC_INVALID, "amqp.exchange must have 1 to %d bytes", EXCHANGE_MAX);
    }
    a->exchange = str_cstr(arena, exchange);
    a->tls_ca = str_cstr(arena, settings_str(platform->settings, "amqp.tls.ca"));
    a->tls_cert = str_cstr(arena, settings_str(platform->settings, "amqp.tls.cert"));
    a->tls_key = str_cstr(arena, settings_str(platform->settings, "amqp.tls.key"));
    if (!a->tls_cert[0] != !a->tls_key[0]) {
        return error_set(err, RC_INVALID, "amqp.tls.cert and amqp.tls.key go together");
    }
    a->published = metrics_counter(platform->metrics, "fairway_amqp_published_total", "",
                                   "Events the broker has confirmed.");
    a->connected = metrics_gauge(platform->metrics, "fairway_amqp_connected", "",
                                 "1 while there is a connection to the broker.");
    *ret = a;
    return RC_OK;
}

/* ---- connection */

static void disconnect(EventsAmqp *a)
{
    if (a->connection) {
        IGNORE(amqp_destroy_connection(a->connection)); /* it is given up either way */
        a->connection = NULL;
        metric_set(a->connected, 0);
    }
}

void events_amqp_free(EventsAmqp *a)
{
    if (a) {
        if (a->connection) {
            IGNORE(
                amqp_connection_close(a->connection, AMQP_REPLY_SUCCESS).reply_type); /* polite */
        }
        disconnect(a);
    }
}

static struct timeval until(int64_t deadline_us)
{
    int64_t left = MAX(deadline_us - time_monotonic_us(), 0);
    return (struct timeval){left / US_PER_SECOND, left % US_PER_SECOND};
}

static Rc fail_with(Ctx *cx, const EventsAmqp *a, const char *doing, Str why)
{
    return fail(cx, RC_UPSTREAM, "RabbitMQ at %s:%d: %s: %.*s", a->server.host, a->server.port,
                doing, STR_ARG(why));
}

static Rc check_status(Ctx *cx, const EventsAmqp *a, const char *doing, int status)
{
    return status == AMQP_STATUS_OK ? RC_OK
                                    : fail_with(cx, a, doing, str_from(amqp_error_string2(status)));
}

/* The text a broker gives when it closes a channel or the connection. */
static Str close_text(const amqp_method_t *method)
{
    amqp_bytes_t text = {0};
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        text = ((const amqp_channel_close_t *)method->decoded)->reply_text;
    } else if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        text = ((const amqp_connection_close_t *)method->decoded)->reply_text;
    }
    return text.len ? str_of(text.bytes, text.len) : STR("it refused without saying why");
}

static Rc check_reply(Ctx *cx, const EventsAmqp *a, const char *doing, amqp_rpc_reply_t reply)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return RC_OK;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return fail_with(cx, a, doing, close_text(&reply.reply));
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return fail_with(cx, a, doing, str_from(amqp_error_string2(reply.library_error)));
    case AMQP_RESPONSE_NONE:
    default:
        return fail_with(cx, a, doing, STR("no answer"));
    }
}

static amqp_socket_t *new_socket(const EventsAmqp *a)
{
    if (!a->server.ssl) {
        return amqp_tcp_socket_new(a->connection);
    }
    amqp_socket_t *socket = amqp_ssl_socket_new(a->connection);
    if (!socket) {
        return NULL;
    }
    /* Certificate and name are checked by default, but against no authority unless told. */
    bool is_told = a->tls_ca[0]
                       ? amqp_ssl_socket_set_cacert(socket, a->tls_ca) == AMQP_STATUS_OK
                       : SSL_CTX_set_default_verify_paths(amqp_ssl_socket_get_context(socket)) == 1;
    if (!is_told || (a->tls_cert[0] &&
                     amqp_ssl_socket_set_key(socket, a->tls_cert, a->tls_key) != AMQP_STATUS_OK)) {
        return NULL;
    }
    return socket;
}

/* A broker that vanished without a word must not hold a write for ever. */
static void limit_silence(const EventsAmqp *a)
{
    unsigned ms = (unsigned)(2 * STEP_TIMEOUT_US / US_PER_MS);
    int fd = amqp_get_sockfd(a->connection);
    IGNORE(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms))); /* then it takes long */
}

static Rc log_in(Ctx *cx, const EventsAmqp *a)
{
    amqp_table_entry_t name = {
        .key = amqp_cstring_bytes("connection_name"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("fairway")}
    };
    amqp_table_t properties = {1, &name};
    return check_reply(cx, a, "signing in",
                       amqp_login_with_properties(a->connection, a->server.vhost, CHANNEL,
                                                  AMQP_DEFAULT_FRAME_SIZE, 0, &properties,
                                                  AMQP_SASL_METHOD_PLAIN, a->server.user,
                                                  a->server.password));
}

static Rc open_connection(Ctx *cx, EventsAmqp *a)
{
    struct timeval timeout = until(time_monotonic_us() + STEP_TIMEOUT_US);
    a->connection = amqp_new_connection();
    ASSERT(a->connection);
    a->sent = 0;
    amqp_socket_t *socket = new_socket(a);
    if (!socket) {
        return fail_with(cx, a, "connecting", STR("TLS cannot be set up"));
    }
    TRY(check_status(cx, a, "connecting", amqp_set_handshake_timeout(a->connection, &timeout)));
    TRY(check_status(cx, a, "connecting", amqp_set_rpc_timeout(a->connection, &timeout)));
    TRY(check_status(cx, a, "connecting",
                     amqp_socket_open_noblock(socket, a->server.host, a->server.port, &timeout)));
    limit_silence(a);
    TRY(log_in(cx, a));
    amqp_channel_open(a->connection, CHANNEL);
    TRY(check_reply(cx, a, "opening a channel", amqp_get_rpc_reply(a->connection)));
    amqp_exchange_declare(a->connection, CHANNEL, amqp_cstring_bytes(a->exchange),
                          amqp_cstring_bytes("topic"), /* passive= */ 0, /* durable= */ 1,
                          /* auto_delete= */ 0, /* internal= */ 0, amqp_empty_table);
    TRY(check_reply(cx, a, "declaring the exchange", amqp_get_rpc_reply(a->connection)));
    amqp_confirm_select(a->connection, CHANNEL);
    TRY(check_reply(cx, a, "asking for confirms", amqp_get_rpc_reply(a->connection)));
    metric_set(a->connected, 1);
    log_info("events.amqp_connected", F_CSTR("host", a->server.host), F_I64("port", a->server.port),
             F_CSTR("exchange", a->exchange));
    return RC_OK;
}

/* ---- a message */

static amqp_bytes_t bytes_of(Str s)
{
    /* The library does not write through this pointer; its type has no const. */
    union {
        const char *in;
        void *out;
    } ptr = {.in = s.ptr};
    return (amqp_bytes_t){s.len, ptr.out};
}

enum { HEADERS_MAX = 6 };

/* CloudEvents' AMQP names, so that a consumer can choose without reading the body. */
static size_t headers_of(const Event *event, Str time, amqp_table_entry_t out[HEADERS_MAX])
{
    const struct {
        const char *key;
        Str value;
    } all[HEADERS_MAX] = {
        {"cloudEvents_specversion", STR("1.0")    },
        {"cloudEvents_id",          event->id     },
        {"cloudEvents_type",        event->type   },
        {"cloudEvents_source",      event->source },
        {"cloudEvents_time",        time          },
        {"cloudEvents_subject",     event->subject},
    };
    size_t n = 0;
    for (size_t i = 0; i < HEADERS_MAX; i++) {
        if (all[i].value.len > 0 && all[i].value.len <= SUBJECT_HEADER_MAX) {
            out[n++] = (amqp_table_entry_t){
                .key = amqp_cstring_bytes(all[i].key),
                .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes_of(all[i].value)}
            };
        }
    }
    return n;
}

static Rc send_event(Ctx *cx, EventsAmqp *a, const Event *event)
{
    char time[TIME_RFC3339_SIZE];
    amqp_table_entry_t headers[HEADERS_MAX];
    Str time_text = time_rfc3339(event->time_us, time);
    size_t texts =
        event->id.len + event->type.len + event->source.len + event->subject.len + event->actor.len;
    Buf body = buf_init(cx->arena, event->data.len + 6 * texts + KIB);
    event_write_json(&body, event);
    ASSERT(buf_ok(&body));
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG |
                  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                  AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG,
        .content_type = amqp_cstring_bytes("application/cloudevents+json"),
        .headers = {(int)headers_of(event, time_text, headers), headers},
        .delivery_mode = PERSISTENT,
        .message_id = bytes_of(event->id),
        .timestamp = (uint64_t)(event->time_us / US_PER_SECOND),
        .type = bytes_of(str_sub(event->type, 0, ROUTING_KEY_MAX)),
        .app_id = amqp_cstring_bytes("fairway"),
    };
    int status = amqp_basic_publish(a->connection, CHANNEL, amqp_cstring_bytes(a->exchange),
                                    properties.type, /* mandatory= */ 0, /* immediate= */ 0,
                                    &properties, bytes_of(buf_str(&body)));
    a->sent++;
    return check_status(cx, a, "publishing", status);
}

/* Whether a frame settles the message that was sent last. */
static Rc read_frame(Ctx *cx, const EventsAmqp *a, const amqp_frame_t *frame, bool *ret_settled)
{
    const amqp_method_t *method = &frame->payload.method;
    if (frame->frame_type != AMQP_FRAME_METHOD) {
        return RC_OK;
    }
    if (method->id == AMQP_BASIC_ACK_METHOD) {
        *ret_settled = ((const amqp_basic_ack_t *)method->decoded)->delivery_tag >= a->sent;
        return RC_OK;
    }
    if (method->id == AMQP_BASIC_NACK_METHOD) {
        return fail_with(cx, a, "publishing", STR("it could not keep the event"));
    }
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD || method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        return fail_with(cx, a, "publishing", close_text(method));
    }
    return RC_OK;
}

static Rc await_confirm(Ctx *cx, const EventsAmqp *a)
{
    int64_t deadline = time_monotonic_us() + STEP_TIMEOUT_US;
    bool is_settled = false;
    while (!is_settled) {
        amqp_frame_t frame;
        struct timeval timeout = until(deadline);
        int status = amqp_simple_wait_frame_noblock(a->connection, &frame, &timeout);
        TRY(check_status(cx, a, "waiting for the confirm", status));
        TRY(read_frame(cx, a, &frame, &is_settled));
    }
    amqp_maybe_release_buffers(a->connection);
    return RC_OK;
}

static Rc publish(Ctx *cx, EventsAmqp *a, const Event *event)
{
    Rc rc = a->connection ? RC_OK : open_connection(cx, a);
    rc = rc ? rc : send_event(cx, a, event);
    rc = rc ? rc : await_confirm(cx, a);
    if (rc != RC_OK) {
        disconnect(a); /* what else may still come on it concerns nobody */
    }
    return rc;
}

static Rc relay(Ctx *cx, const Event *event)
{
    EventsAmqp *a = cx->platform->events->amqp;
    bool was_idle = a->connection != NULL;
    Rc rc = publish(cx, a, event);
    if (rc != RC_OK && was_idle) { /* it may have died since the last event: no failure yet */
        error_clear(&cx->error);
        rc = publish(cx, a, event);
    }
    if (rc == RC_OK) {
        metric_add(a->published, 1);
    }
    return rc;
}

const Subscription events_amqp_subscription = {.name = "amqp", .types = "", .handle = relay};
