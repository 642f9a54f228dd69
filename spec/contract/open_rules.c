/* Opening a store and its sessions. */
#include <stdio.h>
#include <unistd.h>

#include "contract/rules.h"
#include "contract/world.h"

void open_for_reading_needs_a_store(void **state)
{
    contract_world *world = *state;
    char url[CONTRACT_URL_SIZE];
    world->fixture->fresh(url);
    neapi_store *store;
    neap_error error;
    assert_int_equal(neapi_store_open(url, NEAPI_MODE_READ, &store, &error), NEAP_UNKNOWN);
    assert_non_null(strstr(error.message, "open "));
    /* And the attempt has not made one. */
    assert_int_equal(neapi_store_open(url, NEAPI_MODE_READ, &store, &error), NEAP_UNKNOWN);
}

void unknown_option_is_usage(void **state)
{
    contract_world *world = *state;
    char fresh[CONTRACT_URL_SIZE], url[CONTRACT_URL_SIZE + 16];
    world->fixture->fresh(fresh);
    snprintf(url, sizeof url, "%s%cflavour=mild", fresh, strchr(fresh, '?') != NULL ? '&' : '?');
    neapi_store *store;
    neap_error error;
    assert_int_equal(neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "flavour"));
}

void second_writer_is_busy(void **state)
{
    contract_world *world = *state;
    neapi_store *second;
    neap_error error;
    assert_int_equal(neapi_store_open(world->url, NEAPI_MODE_WRITE, &second, &error), NEAP_BUSY);
    char holder[32];
    snprintf(holder, sizeof holder, "%ld", (long)getpid());
    assert_non_null(strstr(error.message, holder));

    append(world, "Order-1", "Placed");
    world_close(world);
    world_open(world);
}

static void assert_corrupt(contract_world *world)
{
    const neapi_mode modes[] = {NEAPI_MODE_READ, NEAPI_MODE_WRITE};
    for (size_t i = 0; i < 2; i++) {
        neapi_store *store;
        neap_error error;
        assert_int_equal(neapi_store_open(world->url, modes[i], &store, &error), NEAP_CORRUPT);
        assert_int_not_equal(error.message[0], '\0');
    }
}

void foreign_store_is_corrupt(void **state)
{
    contract_world *world = *state;
    append(world, "Order-1", "Placed");
    world_close(world);
    world->fixture->make_foreign(world->url);
    assert_corrupt(world);
}

void newer_store_is_corrupt(void **state)
{
    contract_world *world = *state;
    append(world, "Order-1", "Placed");
    world_close(world);
    world->fixture->make_newer(world->url);
    assert_corrupt(world);
}

void damaged_store_is_corrupt(void **state)
{
    contract_world *world = *state;
    append(world, "Order-1", "Placed");
    world_close(world);
    world->fixture->damage(world->url);
    assert_corrupt(world);
}

void one_writing_session_at_a_time(void **state)
{
    contract_world *world = *state;
    neapi_session *second;
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_WRITE, &second, NULL), NEAP_USAGE);
    neapi_session_close(world->writer);
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_WRITE, &world->writer, NULL),
                     NEAP_OK);
    append(world, "Order-1", "Placed");
}

void no_writing_session_in_a_store_for_reading(void **state)
{
    contract_world *world = *state;
    neapi_store *store;
    neapi_session *session;
    assert_int_equal(neapi_store_open(world->url, NEAPI_MODE_READ, &store, NULL), NEAP_OK);
    assert_int_equal(neapi_session_open(store, NEAPI_MODE_WRITE, &session, NULL), NEAP_USAGE);
    neapi_store_close(store);
}

void reading_changes_nothing(void **state)
{
    contract_world *world = *state;
    append(world, "Order-1", "Placed");
    neapi_unit *unit = new_unit();
    add(unit, "Order-1", 1, "Shipped");
    neapi_outcome outcome;
    bool more;
    assert_int_equal(neapi_commit(world->reader, &unit, 1, NOW, &outcome, NULL), NEAP_USAGE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_int_equal(unit->state, NEAPI_UNIT_BUILDING);
    assert_int_equal(neapi_maintain(world->reader, NOW, &more, NULL), NEAP_USAGE);
    neapi_unit_release(unit);
    assert_head(world, 1);
}
