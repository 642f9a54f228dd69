/* The inside of an import, shared by the files that make it up.
 *
 * What is in the store already is compared with what comes, line by line; nothing is written before
 * that. Then the mark is put there (store/mark.h), and what was checked is appended; when they are
 * all there keys and documents take the place of what was there, and at last the mark goes. So
 * however often it is ended in between, the same lines, or those of a later export of the same
 * store, go on with it. */
#ifndef NEAPI_RUNTIME_IMPORT_H
#define NEAPI_RUNTIME_IMPORT_H

#include "base/buffer.h"
#include "base/uuid.h"
#include "runtime/transfer_line.h"
#include "store/store.h"

#define NEAPI_IMPORT_UNITS 32768 /* of a batch */

typedef enum neapi_import_stage {
    NEAPI_IMPORT_BEGINS, /* the header comes first */
    NEAPI_IMPORT_LOG,
    NEAPI_IMPORT_KEPT, /* keys and documents */
    NEAPI_IMPORT_ENDED,
} neapi_import_stage;

struct neap_importer {
    char *url;          /* NULL: the store is the caller's */
    neapi_store *store; /* NULL: not open yet */
    neapi_session *session;
    bool renumber;
    neapi_import_stage stage;
    neap_error failure; /* with a status: nothing more is taken */
    int64_t began_us;   /* monotonic */

    uint64_t number; /* of the line under way, from 1 */
    neapi_buffer partial;
    neapi_arena arena; /* of the line */
    uint64_t hash;
    neapi_transfer_end count;
    uint64_t head;
    bool part;

    neap_exporter *existing; /* what the store has, as far as nothing was compared with it; NULL:
                              all of it was */
    const char *there;       /* its next line; NULL: not known yet */
    size_t there_size;
    uint64_t position; /* of the last event that is there, or is being appended */
    uint64_t since;    /* the same when the first one was appended */
    uint64_t appended; /* and durable */
    bool moved;        /* some positions are not as they were given */

    neapi_buffer command_text; /* the last command's line */
    neapi_arena command_arena;
    neapi_command command;
    bool has_command;  /* events behind it may be its own */
    bool command_used; /* one was */
    uint64_t command_number;

    neapi_uuid_source ids;
    neapi_unit *units[NEAPI_IMPORT_UNITS];
    uint64_t numbers[NEAPI_IMPORT_UNITS]; /* of each unit's first line */
    size_t unit_count, event_count, bytes;
    bool open; /* the last unit takes more of the same */

    neapi_buffer mark, found_mark; /* found: before this import */
    bool has_found_mark, marked;
};

/* Opens the store, and looks what there is. The header was read. */
neap_status neapi_import_open_store(neap_importer *it, const neapi_transfer_header *header,
                                    neap_error *error);

/* A line that was not compared yet; *same: the store has it, and nothing is to be done. Errors:
 * NEAP_CONFLICT, it has something else. */
neap_status neapi_import_compare(neap_importer *it, neap_text text, bool *same, neap_error *error);

/* Take a line. */
neap_status neapi_import_command(neap_importer *it, neap_text text, neap_error *error);
neap_status neapi_import_event(neap_importer *it, const neap_event *event, neap_error *error);
neap_status neapi_import_key(neap_importer *it, const neapi_key *key, neap_error *error);
neap_status neapi_import_document(neap_importer *it, const neapi_transfer_document *document,
                                  neap_error *error);

/* The next unit of the batch; chained: it is refused if the one before it is. Errors: NULL. */
neapi_unit *neapi_import_unit(neap_importer *it, bool chained, neap_error *error);
/* Makes durable what is in the batch. */
neap_status neapi_import_flush(neap_importer *it, neap_error *error);
/* The mark is there from now on. */
neap_status neapi_import_mark(neap_importer *it, neap_error *error);

/* All events are there: what was kept beside others goes. */
neap_status neapi_import_begin_kept(neap_importer *it, neap_error *error);
/* Everything is there: the mark goes. */
neap_status neapi_import_complete(neap_importer *it, neap_error *error);
/* Whether the key that is there already is the very same. */
neap_status neapi_import_same_key(neap_importer *it, const neapi_key *key, neap_error *error);

/* As neap_import() into a store that is open for writing. */
neap_status neapi_import_open_into(neapi_store *store, const neap_import_options *options,
                                   neap_importer **opened, neap_error *error);

#endif
