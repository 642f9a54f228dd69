/* What the accepted units of a batch bring, as the arrays of a few statements. */
#ifndef NEAPI_POSTGRESQL_OUTGOING_H
#define NEAPI_POSTGRESQL_OUTGOING_H

#include "batch.h"

typedef struct neapi_pg_outgoing neapi_pg_outgoing;

neapi_pg_outgoing *neapi_pg_outgoing_new(void); /* NULL: refused */
void neapi_pg_outgoing_free(neapi_pg_outgoing *writes);

/* Queues what the accepted units (verdict NEAP_OK) bring; what is too much for one statement is
 * sent meanwhile. Errors: NEAP_NOMEM, with the connection still in order; as neapi_pg_run. */
neap_status neapi_pg_outgoing_queue(neapi_pg_session *session, neapi_unit *const *units,
                                    size_t count, neap_error *error);

/* PostgreSQL's text of an array of texts; nothing for none. */
bool neapi_pg_array_text(neapi_buffer *text, const neap_text *items, size_t count);

#endif
