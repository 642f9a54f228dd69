/* Commands out of a broker's messages: a thread fetches some, sends each as a command, and settles
 * each by what became of it, once all of them are answered. */
#include "base/alloc.h"
#include "base/count.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "outbox/incoming.h"
#include "outbox/source.h"
#include "runtime/inline.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "runtime/thread.h"

#define FETCH_MS       200 /* how long closing may have to wait for it */
#define LONGEST_WAIT_S 5

typedef struct slot {
    struct neap_consumer *consumer;
    neapi_incoming incoming;
    neap_status status;
    bool repeated;
    neap_error error;
} slot;

struct neap_consumer {
    neap_runtime *runtime;
    const neapi_platform *platform;
    neapi_source *source;
    neap_consume_options options;
    char *names;
    neapi_arena arena; /* of one message */
    slot *slots;
    neapi_incoming *fetched;
    neapi_gate gate;
    atomic_uint unanswered;
    atomic_bool stopping;
    bool has_gate, running;
    unsigned failures;
    neapi_count done, repeated, rejected, ended, again;
    pthread_t thread;
};

static void say(const neap_consumer *consumer, neap_log_level level, const slot *s,
                const char *what)
{
    neapi_report_text(&consumer->runtime->report, level, "message %s %s: %s", s->incoming.place,
                      what, s->error.message);
}

static void answered(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    slot *s = user;
    neap_consumer *consumer = s->consumer;
    s->status = status;
    if (status != NEAP_OK)
        s->error = *error;
    else
        s->repeated = neap_reply_receipt(reply)->repeated;
    neap_reply_free(reply);
    if (atomic_fetch_sub(&consumer->unanswered, 1) == 1)
        neapi_wake(consumer->platform, &consumer->gate);
}

static neap_status send_command(neap_consumer *consumer, slot *s,
                                const neapi_incoming_command *command)
{
    neap_runtime *runtime = consumer->runtime;
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = s->incoming.id != NULL ? s->incoming.id
                              : command->key != NULL ? command->key
                                                     : s->incoming.place;
    options.meta = command->meta;
    options.correlation_id = command->correlation;
    options.causation_id = command->causation;
    if (!neapi_is_inline(runtime))
        return neap_send(runtime, command->name, command->data.data, command->data.size, &options,
                         answered, s, &s->error);
    neap_reply *reply = NULL;
    s->status = neap_dispatch(runtime, command->name, command->data.data, command->data.size,
                              &options, &reply, &s->error);
    answered(s, s->status, reply, &s->error);
    return NEAP_OK;
}

static void begin(neap_consumer *consumer, slot *s)
{
    neapi_incoming_command command;
    neapi_arena_clear(&consumer->arena);
    neap_status status = neapi_incoming_read(s->incoming.body, neapi_text_of(consumer->names),
                                             &consumer->arena, &command, &s->error);
    if (status == NEAP_OK)
        status = send_command(consumer, s, &command);
    if (status == NEAP_OK)
        return;
    s->status = status;
    atomic_fetch_sub(&consumer->unanswered, 1);
}

static neapi_settlement settlement_of(const neap_consumer *consumer, const slot *s)
{
    switch (s->status) {
    case NEAP_OK:
        return NEAPI_SETTLED_DONE;
    case NEAP_REJECTED:
        return consumer->options.keep_rejected ? NEAPI_SETTLED_NEVER : NEAPI_SETTLED_DONE;
    case NEAP_INVALID:
    case NEAP_UNKNOWN:
    case NEAP_DUPLICATE:
    case NEAP_USAGE:
        return NEAPI_SETTLED_NEVER;
    case NEAP_HANDLER:
    case NEAP_LIMIT:
    case NEAP_CORRUPT:
        return s->incoming.delivered < consumer->options.attempts ? NEAPI_SETTLED_LATER
                                                                  : NEAPI_SETTLED_NEVER;
    default:
        return NEAPI_SETTLED_LATER;
    }
}

static void count(neap_consumer *consumer, const slot *s, neapi_settlement settlement)
{
    if (s->status == NEAP_REJECTED)
        neapi_count_add(&consumer->rejected, 1);
    else if (settlement == NEAPI_SETTLED_DONE)
        neapi_count_add(&consumer->done, 1);
    else if (settlement == NEAPI_SETTLED_NEVER)
        neapi_count_add(&consumer->ended, 1);
    if (s->status == NEAP_OK && s->repeated)
        neapi_count_add(&consumer->repeated, 1);
}

static void settle(neap_consumer *consumer, slot *s)
{
    neapi_settlement settlement = settlement_of(consumer, s);
    if (s->status == NEAP_REJECTED)
        say(consumer, NEAP_LOG_INFO, s, "is rejected");
    else if (settlement == NEAPI_SETTLED_NEVER)
        say(consumer, NEAP_LOG_ERROR, s, "is no command");
    else if (settlement == NEAPI_SETTLED_LATER)
        say(consumer, NEAP_LOG_WARN, s, "is to come again");
    if (neapi_source_settle(consumer->source, &s->incoming, settlement, consumer->options.retry_ms,
                            &s->error) == NEAPI_SETTLED_LATER)
        neapi_count_add(&consumer->again, 1);
    else
        count(consumer, s, settlement);
}

static void handle(neap_consumer *consumer, size_t count)
{
    atomic_store(&consumer->unanswered, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        consumer->slots[i].consumer = consumer;
        consumer->slots[i].incoming = consumer->fetched[i];
        begin(consumer, &consumer->slots[i]);
    }
    for (;;) {
        unsigned seen = neapi_gate_seen(&consumer->gate);
        if (atomic_load(&consumer->unanswered) == 0)
            break;
        neapi_park(consumer->platform, &consumer->gate, seen, NEAPI_NO_DEADLINE);
    }
    for (size_t i = 0; i < count; i++)
        settle(consumer, &consumer->slots[i]);
}

static void wait_a_while(neap_consumer *consumer, const neap_error *error)
{
    if (consumer->failures == 0)
        neapi_report_text(&consumer->runtime->report, NEAP_LOG_WARN,
                          "messages cannot be fetched, and are tried again: %s", error->message);
    if (consumer->failures < LONGEST_WAIT_S)
        consumer->failures++;
    unsigned seen = neapi_gate_seen(&consumer->gate);
    if (!atomic_load(&consumer->stopping))
        neapi_park(consumer->platform, &consumer->gate, seen,
                   neapi_monotonic_us(consumer->platform) + consumer->failures * (int64_t)1000000);
}

static void *run(void *argument)
{
    neap_consumer *consumer = argument;
    while (!atomic_load(&consumer->stopping)) {
        neap_error error;
        size_t count;
        if (neapi_source_fetch(consumer->source, consumer->fetched, consumer->options.pending,
                               FETCH_MS, &count, &error) != NEAP_OK) {
            wait_a_while(consumer, &error);
            continue;
        }
        consumer->failures = 0;
        if (count > 0)
            handle(consumer, count);
    }
    return NULL;
}

void neap_consumed_init_sized(neap_consumed *consumed, size_t size)
{
    memset(consumed, 0, size < sizeof *consumed ? size : sizeof *consumed);
    consumed->size = size;
}

neap_status neap_consumer_stats(const neap_consumer *consumer, neap_consumed *consumed,
                                neap_error *error)
{
    if (consumer == NULL || consumed == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_consumer_stats: consumer and consumed must not be NULL");
    const neap_consumed now = {.size = consumed->size,
                               .done = neapi_count_get(&consumer->done),
                               .repeated = neapi_count_get(&consumer->repeated),
                               .rejected = neapi_count_get(&consumer->rejected),
                               .ended = neapi_count_get(&consumer->ended),
                               .again = neapi_count_get(&consumer->again)};
    if (consumed->size < sizeof(size_t) || consumed->size > sizeof now)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_consumer_stats: call neap_consumed_init() first");
    memcpy(consumed, &now, consumed->size);
    return NEAP_OK;
}

void neap_consume_options_init_sized(neap_consume_options *options, size_t size)
{
    const neap_consume_options defaults = {
        .size = size, .pending = 64, .attempts = 5, .retry_ms = 1000, .timeout_ms = 5000};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

static neap_status take_options(neap_consumer *consumer, const neap_consume_options *given,
                                neap_error *error)
{
    neap_consume_options *options = &consumer->options;
    neap_consume_options_init(options);
    if (given != NULL && (given->size < sizeof(size_t) || given->size > sizeof *options))
        return neapi_fail(
            error, NEAP_USAGE,
            "neap_consume_options.size is %zu; call neap_consume_options_init() first",
            given->size);
    if (given != NULL)
        memcpy(options, given, given->size);
    if (options->pending == 0 || options->pending > 1024)
        return neapi_fail(error, NEAP_USAGE, "option pending is %u; from 1 to 1024 is allowed",
                          options->pending);
    if (options->commands == NULL)
        return NEAP_OK;
    neapi_buffer flat = NEAPI_BUFFER_INIT;
    neap_status status = neapi_json_flat(neapi_text_of(options->commands), &flat, error);
    if (status == NEAP_OK && (consumer->names = neapi_buffer_take(&flat, NULL)) == NULL)
        status = neapi_nomem(error);
    neapi_buffer_fini(&flat);
    return status;
}

static neap_status open_consumer(neap_consumer *consumer, const char *from,
                                 const neap_consume_options *options, neap_error *error)
{
    neap_status status = take_options(consumer, options, error);
    if (status != NEAP_OK)
        return status;
    consumer->slots = neapi_alloc_zero(consumer->options.pending, sizeof *consumer->slots);
    consumer->fetched = neapi_alloc_zero(consumer->options.pending, sizeof *consumer->fetched);
    consumer->has_gate = neapi_gate_init(&consumer->gate);
    if (consumer->slots == NULL || consumer->fetched == NULL || !consumer->has_gate)
        return neapi_nomem(error);
    status = neapi_source_open(from, consumer->options.timeout_ms, &consumer->source, error);
    if (status == NEAP_OK)
        status = neapi_thread_start(&consumer->thread, run, consumer, error);
    consumer->running = status == NEAP_OK;
    return status;
}

neap_status neap_consume(neap_runtime *runtime, const char *from,
                         const neap_consume_options *options, neap_consumer **consumer,
                         neap_error *error)
{
    if (from == NULL || from[0] == '\0')
        return neapi_fail(error, NEAP_USAGE, "neap_consume needs a broker's URL");
    if (runtime->stage != NEAPI_RUNTIME_RUNNING || runtime->options.read_only)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_consume needs a runtime that is started, and not read_only");
    if (runtime->in_hosts_state)
        return neapi_fail(
            error, NEAP_USAGE,
            "neap_consume: the domain is in a Lua state of the host's, where no other "
            "thread can be; open it with lanes");
    neap_consumer *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    made->runtime = runtime;
    made->platform = runtime->platform;
    neap_status status = open_consumer(made, from, options, error);
    if (status == NEAP_OK)
        *consumer = made;
    else
        neap_consumer_close(made);
    return status;
}

void neap_consumer_stop(neap_consumer *consumer)
{
    if (!consumer->running)
        return;
    atomic_store(&consumer->stopping, true);
    neapi_wake(consumer->platform, &consumer->gate);
    pthread_join(consumer->thread, NULL);
    consumer->running = false;
    neapi_source_close(consumer->source);
    consumer->source = NULL;
}

void neap_consumer_close(neap_consumer *consumer)
{
    if (consumer == NULL)
        return;
    neap_consumer_stop(consumer);
    if (consumer->source != NULL) /* it was not begun */
        neapi_source_close(consumer->source);
    if (consumer->has_gate)
        neapi_gate_fini(&consumer->gate);
    neapi_arena_fini(&consumer->arena);
    neapi_free(consumer->slots);
    neapi_free(consumer->fetched);
    neapi_free(consumer->names);
    neapi_free(consumer);
}
