/* What the specs of the SQLite store need: a folder of their own, and short ways to open, append
 * and read back. */
#ifndef NEAPI_SPEC_SQLITE_SUPPORT_H
#define NEAPI_SPEC_SQLITE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/store.h"

#define NOW ((int64_t)1700000000000000)

typedef struct spec_place {
    char folder[64];
    char path[96]; /* of a store that does not exist yet */
    char url[128];
} spec_place;

int place_setup(void **state);
int place_teardown(void **state); /* removes the folder with what is in it */

neapi_store *open_store(const char *url, neapi_mode mode);
neapi_session *open_session(neapi_store *store, neapi_mode mode);
/* Opens what must not open, and returns why. */
neap_error assert_refused(const char *url, neapi_mode mode, neap_status status, const char *words);

/* A store with one writing session. */
typedef struct spec_writing {
    neapi_store *store;
    neapi_session *session;
} spec_writing;

spec_writing open_writing(const char *url);
void close_writing(spec_writing *writing);

/* A unit of one event of type Said, whose data is the number, and that puts it into the document of
 * the stream's name in the collection "last". */
neapi_unit *new_unit(const char *stream, uint64_t expected, uint64_t number);
/* Commits the unit and lets go of it: NEAP_OK, or what the commit failed with. */
neap_status commit_unit(neapi_session *session, neapi_unit *unit, neapi_outcome *outcome,
                        neap_error *error);
/* Commits one event whose data is the number, and sees that it was accepted. */
void append(neapi_session *session, const char *stream, uint64_t number);
/* Commits one document. */
void put_document(neapi_session *session, const char *collection, const char *key,
                  const char *data);

/* Adds the statement that keeps the number in a row; before the first, what makes the table. */
void add_row(neapi_unit *unit, uint64_t number, bool first);
/* Sees how many of those rows there are, and the highest number; without any there is no table. */
void assert_rows(neapi_session *session, uint64_t count, uint64_t highest);

uint64_t head_of(neapi_session *session);
/* Reads the log; sees that positions are dense, and that the event at position n is `number(n)`;
 * NULL: any. Returns how many there are. */
uint64_t read_log(neapi_session *session, uint64_t (*number)(uint64_t position));
/* Sees that the documents that new_unit put are those of their streams' last events. */
void assert_documents_follow(neapi_session *session);
/* Verifies with a reading session of its own; what is found is printed. */
void assert_sound(const char *url);

/* Makes the file that an earlier library wrote: spec/core/fixtures. */
void write_fixture(const char *path, const char *name);

/* Runs SQL on the file, as another program would. */
void run_sql(const char *path, const char *sql);
int64_t ask_sql(const char *path, const char *sql);
int64_t file_size(const char *path, const char *ending); /* -1: no such file */

#endif
