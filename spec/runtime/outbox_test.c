/* Outboxes, with a publisher of the host's that fails as it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <pthread.h>

#include "neap.h"

#ifndef LANES
#define LANES 1
#endif

#define MOST        4096
#define PATIENCE_MS 60000

typedef struct broker {
    pthread_mutex_t mutex;
    uint64_t published[MOST]; /* positions, in the order of acknowledgement */
    size_t count, calls, opened, closed;
    unsigned fails;   /* so many calls fail */
    size_t at_most;   /* a call acknowledges no more than so many; 0: all */
    uint64_t refused; /* the position of an event that it does not take; 0: none */
    size_t longest;   /* batch */
    char body[1024], subject[64], id[40];
    unsigned warnings, infos;
    char said[512];
} broker;

static neap_error error;

static neap_status open_publisher(void *user, const neap_publisher_options *options, void **self,
                                  neap_error *failure)
{
    broker *it = user;
    (void)failure;
    it->opened++;
    assert_string_equal(options->outbox, "partners");
    assert_string_equal(options->domain, "shop");
    assert_string_equal(options->to, "broker");
    assert_int_equal(options->pending, 256);
    assert_int_equal(options->timeout_ms, 5000);
    snprintf(it->subject, sizeof it->subject, "%s", options->subject);
    *self = it;
    return NEAP_OK;
}

static neap_status give_up(neap_error *failure, neap_status status, const char *message)
{
    memset(failure, 0, sizeof *failure);
    failure->status = status;
    snprintf(failure->message, sizeof failure->message, "%s", message);
    return status;
}

static neap_status publish_locked(broker *it, const neap_publication *const *list, size_t count,
                                  size_t *acknowledged, neap_error *failure)
{
    it->calls++;
    if (count > it->longest)
        it->longest = count;
    if (it->fails > 0) {
        it->fails--;
        return give_up(failure, NEAP_UNAVAILABLE, "the broker is away");
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i]->event->position == it->refused)
            return give_up(failure, NEAP_LIMIT, "the event is too large");
        if (it->at_most != 0 && i == it->at_most)
            return give_up(failure, NEAP_UNAVAILABLE, "the broker went away");
        assert_true(it->count < MOST);
        it->published[it->count++] = list[i]->event->position;
        snprintf(it->body, sizeof it->body, "%.*s", (int)list[i]->body.size, list[i]->body.data);
        snprintf(it->id, sizeof it->id, "%s", list[i]->id.data);
        *acknowledged = i + 1;
    }
    return NEAP_OK;
}

static neap_status publish(void *self, const neap_publication *const *list, size_t count,
                           size_t *acknowledged, neap_error *failure)
{
    broker *it = self;
    pthread_mutex_lock(&it->mutex);
    neap_status status = publish_locked(it, list, count, acknowledged, failure);
    pthread_mutex_unlock(&it->mutex);
    return status;
}

static void close_publisher(void *self)
{
    broker *it = self;
    it->closed++;
}

static const neap_publisher publisher = {sizeof publisher, open_publisher, publish,
                                         close_publisher};

static void hear(void *user, neap_log_level level, const char *text)
{
    broker *it = user;
    it->warnings += level == NEAP_LOG_WARN;
    it->infos += level == NEAP_LOG_INFO;
    if (level >= NEAP_LOG_WARN)
        snprintf(it->said, sizeof it->said, "%s", text);
}

static neap_runtime *load(broker *it, const char *domain, const char *store)
{
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.lanes = LANES;
    options.store = store;
    options.log = hear;
    options.log_user = it;
    assert_int_equal(neap_load(domain, &options, &runtime, &error), NEAP_OK);
    return runtime;
}

static neap_runtime *start_domain(broker *it, const char *domain, const char *store)
{
    neap_runtime *runtime = load(it, domain, store);
    assert_int_equal(neap_publisher_provide(runtime, "broker", &publisher, it, &error), NEAP_OK);
    if (neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

static neap_runtime *start(broker *it, const char *store)
{
    return start_domain(it, DOMAIN, store);
}

static broker *new_broker(void)
{
    broker *it = calloc(1, sizeof *it);
    pthread_mutex_init(&it->mutex, NULL);
    return it;
}

static void free_broker(broker *it)
{
    pthread_mutex_destroy(&it->mutex);
    free(it);
}

static void dispatch(neap_runtime *runtime, const char *command, unsigned order)
{
    char json[128];
    bool place = strcmp(command, "Place") == 0;
    snprintf(json, sizeof json,
             place ? "{\"order_id\":\"o-%u\",\"total\":7}" : "{\"order_id\":\"o-%u\"}", order);
    if (neap_dispatch(runtime, command, json, strlen(json), NULL, NULL, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

static void catch_up(neap_runtime *runtime)
{
    if (neap_catch_up(runtime, "partners", 0, PATIENCE_MS, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* Each of those positions once, in order. */
static void assert_published(const broker *it, uint64_t first, uint64_t last)
{
    assert_int_equal(it->count, last - first + 1);
    for (size_t i = 0; i < it->count; i++)
        assert_int_equal(it->published[i], first + i);
}

static void publishes_the_events_of_its_types(void **state)
{
    (void)state;
    broker *it = new_broker();
    neap_runtime *runtime = start(it, "memory:");
    dispatch(runtime, "Place", 1);
    dispatch(runtime, "Note", 1);
    dispatch(runtime, "Ship", 1);
    catch_up(runtime);
    assert_int_equal(it->count, 2);
    assert_int_equal(it->published[0], 1);
    assert_int_equal(it->published[1], 3);
    assert_string_equal(it->subject, "all.{type}");
    assert_non_null(strstr(it->body, "\"source\":\"/shop\",\"specversion\":\"1.0\","
                                     "\"streamversion\":\"3\",\"subject\":\"Order-o-1\""));
    assert_non_null(strstr(it->body, "\"data\":{\"order_id\":\"o-1\"}"));
    assert_non_null(strstr(it->body, it->id));
    assert_int_equal(strlen(it->id), 36);
    neap_close(runtime);
    assert_int_equal(it->opened, 1);
    assert_int_equal(it->closed, 1);
    free_broker(it);
}

/* What was recorded under a former name leaves as it was recorded. */
static void publishes_what_had_another_name(void **state)
{
    (void)state;
    broker *it = new_broker();
    neap_runtime *runtime = start(it, "memory:");
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.schema = 1;
    assert_int_equal(neap_publish(runtime, "Order-o-9", 0, "Sent", "{\"order_id\":\"o-9\"}", 18,
                                  &options, NULL, &error),
                     NEAP_OK);
    catch_up(runtime);
    assert_int_equal(it->count, 1);
    assert_non_null(strstr(it->body, "\"type\":\"Sent\""));
    neap_close(runtime);
    free_broker(it);
}

static void tries_until_the_broker_is_back(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->fails = 3;
    neap_runtime *runtime = start(it, "memory:");
    for (unsigned i = 0; i < 20; i++)
        dispatch(runtime, "Place", i);
    catch_up(runtime);
    assert_published(it, 1, 20);
    neap_close(runtime);
    assert_int_equal(it->warnings, 1);
    assert_int_equal(it->infos, 1);
    assert_string_equal(it->said, "outbox 'partners' tries again: the broker is away");
    free_broker(it);
}

static void goes_on_behind_what_was_acknowledged(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->at_most = 7;
    neap_runtime *runtime = start(it, "memory:");
    for (unsigned i = 0; i < 20; i++)
        dispatch(runtime, "Place", i);
    catch_up(runtime);
    assert_published(it, 1, 20);
    neap_close(runtime);
    free_broker(it);
}

/* It does not lose the event, nor let others pass it. */
static void stops_at_an_event_that_is_refused(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->refused = 5;
    neap_runtime *runtime = start(it, "memory:");
    for (unsigned i = 0; i < 9; i++)
        dispatch(runtime, "Place", i);
    assert_int_equal(neap_catch_up(runtime, "partners", 0, PATIENCE_MS, &error), NEAP_UNAVAILABLE);
    assert_string_equal(error.message,
                        "outbox 'partners' has stopped at position 5: the event is too large");
    assert_published(it, 1, 4);
    char *json;
    assert_int_equal(neap_subscriptions(runtime, &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "\"kind\":\"outbox\""));
    assert_non_null(strstr(json, "\"stopped_at\":5"));
    neap_free(json);
    pthread_mutex_lock(&it->mutex);
    it->refused = 0;
    pthread_mutex_unlock(&it->mutex);
    assert_int_equal(neap_resume(runtime, "partners", &error), NEAP_OK);
    catch_up(runtime);
    assert_published(it, 1, 9);
    neap_close(runtime);
    free_broker(it);
}

static void assert_says(neap_runtime *runtime, const char *part)
{
    char *json;
    assert_int_equal(neap_subscriptions(runtime, &json, NULL, &error), NEAP_OK);
    if (strstr(json, part) == NULL)
        fail_msg("%s is not in %s", part, json);
    neap_free(json);
}

static void assert_letters(neap_runtime *runtime, const char *positions)
{
    char *json, found[256] = "";
    assert_int_equal(neap_dead_letters(runtime, "partners", &json, NULL, &error), NEAP_OK);
    for (const char *at = json; (at = strstr(at, "\"position\":")) != NULL; at++) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%d", used > 0 ? " " : "", atoi(at + 11));
    }
    neap_free(json);
    assert_string_equal(found, positions);
}

static void refuse(broker *it, uint64_t position)
{
    pthread_mutex_lock(&it->mutex);
    it->refused = position;
    pthread_mutex_unlock(&it->mutex);
}

/* Later events of its stream wait behind it, those of others do not. */
static void sets_aside_an_event_that_is_refused(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->refused = 2;
    neap_runtime *runtime = start_domain(it, LETTERS, "memory:");
    for (unsigned i = 0; i < 3; i++)
        dispatch(runtime, "Place", i);
    dispatch(runtime, "Ship", 1);
    dispatch(runtime, "Ship", 2);
    catch_up(runtime);
    assert_letters(runtime, "2 4");
    assert_int_equal(it->count, 3);
    assert_int_equal(neap_retry_dead_letters(runtime, "partners", 0, &error), NEAP_OK);
    assert_letters(runtime, "2 4");
    refuse(it, 0);
    assert_int_equal(neap_retry_dead_letters(runtime, "partners", 2, &error), NEAP_OK);
    assert_letters(runtime, "");
    dispatch(runtime, "Place", 1);
    catch_up(runtime);
    const uint64_t order[] = {1, 3, 5, 2, 4, 6};
    assert_int_equal(it->count, 6);
    assert_memory_equal(it->published, order, sizeof order);
    neap_close(runtime);
    free_broker(it);
}

static void drops_a_dead_letter_and_goes_on_behind_it(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->refused = 1;
    neap_runtime *runtime = start_domain(it, LETTERS, "memory:");
    dispatch(runtime, "Place", 1);
    dispatch(runtime, "Ship", 1);
    catch_up(runtime);
    assert_letters(runtime, "1 2");
    assert_int_equal(neap_drop_dead_letter(runtime, "partners", 1, &error), NEAP_OK);
    assert_letters(runtime, "");
    assert_published(it, 2, 2);
    neap_close(runtime);
    free_broker(it);
}

/* A broker that is away makes no dead letters, however long it is. */
static void shows_that_it_tries_again(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->fails = 9;
    neap_runtime *runtime = start_domain(it, LETTERS, "memory:");
    dispatch(runtime, "Place", 1);
    catch_up(runtime);
    assert_published(it, 1, 1);
    assert_letters(runtime, "");
    pthread_mutex_lock(&it->mutex);
    it->fails = UINT32_MAX;
    pthread_mutex_unlock(&it->mutex);
    dispatch(runtime, "Place", 2);
    assert_int_equal(neap_catch_up(runtime, "partners", 0, 20, &error), NEAP_TIMEOUT);
    assert_says(runtime, "\"failing\":");
    assert_says(runtime, "\"error\":\"the broker is away\"");
    neap_close(runtime);
    free_broker(it);
}

static void goes_on_when_the_store_is_opened_again(void **state)
{
    (void)state;
    char path[64] = "/tmp/neap-outbox-XXXXXX", store[128], command[128];
    assert_non_null(mkdtemp(path));
    snprintf(store, sizeof store, "sqlite:%s/shop.db", path);
    broker *it = new_broker();
    for (unsigned round = 0; round < 4; round++) {
        neap_runtime *runtime = start(it, store);
        for (unsigned i = 0; i < 50; i++)
            dispatch(runtime, "Place", i);
        catch_up(runtime);
        neap_close(runtime);
        assert_published(it, 1, 50 * (round + 1));
    }
    snprintf(command, sizeof command, "rm -rf %s", path);
    assert_int_equal(system(command), 0);
    free_broker(it);
}

/* Closing does not wait for a broker that is away. */
static void closes_while_the_broker_is_away(void **state)
{
    (void)state;
    broker *it = new_broker();
    it->fails = UINT32_MAX;
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.lanes = LANES;
    options.close_ms = 50;
    assert_int_equal(neap_load(DOMAIN, &options, &runtime, &error), NEAP_OK);
    assert_int_equal(neap_publisher_provide(runtime, "broker", &publisher, it, &error), NEAP_OK);
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    dispatch(runtime, "Place", 1);
    assert_int_equal(neap_catch_up(runtime, "partners", 0, 20, &error), NEAP_TIMEOUT);
    neap_close(runtime);
    assert_int_equal(it->count, 0);
    assert_int_equal(it->closed, 1);
    free_broker(it);
}

static void rests_while_it_is_paused(void **state)
{
    (void)state;
    broker *it = new_broker();
    neap_runtime *runtime = start(it, "memory:");
    assert_int_equal(neap_pause(runtime, "partners", &error), NEAP_OK);
    dispatch(runtime, "Place", 1);
    assert_int_equal(neap_catch_up(runtime, "partners", 0, PATIENCE_MS, &error), NEAP_UNAVAILABLE);
    assert_string_equal(error.message, "outbox 'partners' is paused");
    assert_int_equal(it->count, 0);
    assert_int_equal(neap_resume(runtime, "partners", &error), NEAP_OK);
    catch_up(runtime);
    assert_published(it, 1, 1);
    neap_close(runtime);
    free_broker(it);
}

static void does_not_start_without_its_publisher(void **state)
{
    (void)state;
    broker *it = new_broker();
    neap_runtime *runtime = load(it, DOMAIN, "memory:");
    assert_int_equal(neap_start(runtime, &error), NEAP_UNKNOWN);
    assert_string_equal(
        error.message,
        "outbox 'partners': there is no publisher 'broker'; the host provides it with "
        "neap_publisher_provide(), or it is a URL, as nats://localhost:4222");
    neap_close(runtime);
    free_broker(it);
}

static void refuses_a_publisher_that_is_none(void **state)
{
    (void)state;
    broker *it = new_broker();
    neap_runtime *runtime = load(it, DOMAIN, "memory:");
    neap_publisher without = publisher;
    without.publish = NULL;
    assert_int_equal(neap_publisher_provide(runtime, "b", &without, it, &error), NEAP_USAGE);
    assert_string_equal(error.message, "the publisher 'b' has no function publish");
    without.size = 1000;
    assert_int_equal(neap_publisher_provide(runtime, "b", &without, it, &error), NEAP_USAGE);
    assert_int_equal(neap_publisher_provide(runtime, "service", &publisher, it, &error),
                     NEAP_USAGE);
    assert_int_equal(neap_publisher_provide(runtime, "b:", &publisher, it, &error), NEAP_USAGE);
    assert_int_equal(neap_publisher_provide(runtime, "broker", &publisher, it, &error), NEAP_OK);
    assert_int_equal(neap_publisher_provide(runtime, "broker", &publisher, it, &error), NEAP_USAGE);
    assert_string_equal(error.message, "publisher 'broker' was provided before");
    assert_int_equal(neap_start(runtime, &error), NEAP_OK);
    assert_int_equal(neap_publisher_provide(runtime, "c", &publisher, it, &error), NEAP_USAGE);
    neap_close(runtime);
    free_broker(it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_the_events_of_its_types),
        cmocka_unit_test(publishes_what_had_another_name),
        cmocka_unit_test(tries_until_the_broker_is_back),
        cmocka_unit_test(goes_on_behind_what_was_acknowledged),
        cmocka_unit_test(stops_at_an_event_that_is_refused),
        cmocka_unit_test(sets_aside_an_event_that_is_refused),
        cmocka_unit_test(drops_a_dead_letter_and_goes_on_behind_it),
        cmocka_unit_test(shows_that_it_tries_again),
        cmocka_unit_test(goes_on_when_the_store_is_opened_again),
        cmocka_unit_test(closes_while_the_broker_is_away),
        cmocka_unit_test(rests_while_it_is_paused),
        cmocka_unit_test(does_not_start_without_its_publisher),
        cmocka_unit_test(refuses_a_publisher_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
