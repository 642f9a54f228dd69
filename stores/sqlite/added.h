/* What a batch adds: its events and commands, gathered while its units are judged and written in
 * two statements at its end. Nothing that is judged reads them before. */
#ifndef NEAPI_SQLITE_ADDED_H
#define NEAPI_SQLITE_ADDED_H

#include "base/buffer.h"
#include "rows.h"
#include "store/unit.h"

typedef struct neapi_sqlite_new_event {
    const neap_event *event; /* borrowed from its unit */
    int64_t stream, category, type;
    int64_t cause; /* its command's number; 0: none */
} neapi_sqlite_new_event;

typedef struct neapi_sqlite_added {
    neapi_sqlite_new_event *events;
    size_t event_count, event_capacity;
    const neapi_command **commands; /* borrowed from their units */
    size_t command_count, command_capacity;
    neapi_buffer tags; /* of the event that is written */
    neapi_sqlite_table tables[2];
} neapi_sqlite_added;

neap_status neapi_sqlite_added_enable(neapi_sqlite_session *session, neap_error *error);
void neapi_sqlite_added_fini(neapi_sqlite_added *added);
void neapi_sqlite_added_clear(neapi_sqlite_added *added);

/* Errors: false, an allocation was refused. */
bool neapi_sqlite_added_event(neapi_sqlite_added *added, neapi_sqlite_new_event event);
bool neapi_sqlite_added_command(neapi_sqlite_added *added, const neapi_command *command);

/* Writes what was gathered. */
neap_status neapi_sqlite_added_write(neapi_sqlite_session *session, neap_error *error);

#endif
