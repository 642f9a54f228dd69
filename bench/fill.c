#include "fill.h"

#include <string.h>

#include "base/text.h"
#include "measure.h"

#define BATCH 1000
#define NOW   1700000000000000

static void check(neap_status status, const neap_error *error, const char *what)
{
    if (status != NEAP_OK)
        die(what, error->message);
}

void append_event(neapi_unit *unit, unsigned number, const char *type, const char *stream,
                  const char *data)
{
    const neap_event event = {.recorded_at = NOW,
                              .id = {{(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                                      (uint8_t)(number >> 8), (uint8_t)number, 1}},
                              .correlation_id = {{2}},
                              .causation_id = {{2}},
                              .schema = 1,
                              .type = neapi_text_of(type),
                              .data = neapi_text_of(data)};
    if (neapi_unit_append(unit, neapi_text_of(stream), NEAP_ANY_VERSION, &event) != NEAP_OK)
        die("append", "no memory");
}

static void commit(neapi_session *session, neapi_unit *unit)
{
    neap_error error;
    neapi_outcome outcome;
    check(neapi_commit(session, &unit, 1, NOW, &outcome, &error), &error, "commit");
    if (unit->state != NEAPI_UNIT_ACCEPTED)
        die("unit", "not accepted");
    neapi_unit_release(unit);
}

void fill_store(const char *url, unsigned events, void (*append)(neapi_unit *unit, unsigned n))
{
    neap_error error;
    neapi_store *store;
    neapi_session *session;
    check(neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error), &error, "store");
    check(neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error), &error, "session");
    for (unsigned i = 0; i < events; i += BATCH) {
        bool more;
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        if (unit == NULL)
            die("unit", "no memory");
        for (unsigned n = i; n < i + BATCH && n < events; n++)
            append(unit, n);
        commit(session, unit);
        if (i / BATCH % 8 == 7)
            check(neapi_maintain(session, NOW, &more, &error), &error, "maintain");
    }
    neapi_session_close(session);
    neapi_store_close(store);
}

neapi_unit *line_unit(unsigned number, neap_text stream)
{
    neap_uuid id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[8] = 1;
    const neap_event event = {.id = id,
                              .type = NEAPI_LITERAL("LineAdded"),
                              .schema = 1,
                              .recorded_at = NOW,
                              .data = NEAPI_LITERAL(LINE_DATA),
                              .command_id = id,
                              .correlation_id = id,
                              .causation_id = id};
    const neapi_command command = {.id = id,
                                   .correlation_id = id,
                                   .recorded_at = NOW,
                                   .name = NEAPI_LITERAL("AddLine"),
                                   .data = NEAPI_LITERAL(LINE_DATA)};
    neapi_unit *unit = neapi_unit_new(id);
    if (unit == NULL || neapi_unit_append(unit, stream, NEAP_ANY_VERSION, &event) != NEAP_OK ||
        neapi_unit_command(unit, &command) != NEAP_OK)
        die("unit", "no memory");
    return unit;
}
