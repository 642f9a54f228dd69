/* What the database would answer about a batch, if nobody else has appended to the log since this
 * store did. */
#ifndef NEAPI_POSTGRESQL_GUESS_H
#define NEAPI_POSTGRESQL_GUESS_H

#include "batch.h"

/* Lists what the units are about, and guesses it all. false: something cannot be guessed, or it is
 * not worth it, as others write too. */
bool neapi_pg_guess(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                    int64_t now_us);
/* The batch is judged: whether its inserts fail if a guess was wrong, provided that the log ends
 * where it was guessed. */
bool neapi_pg_guess_shows(const neapi_pg_session *session);

#endif
