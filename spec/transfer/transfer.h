/* Stores whose logs are exported and imported, and short ways to do so. */
#ifndef NEAPI_SPEC_TRANSFER_H
#define NEAPI_SPEC_TRANSFER_H

#include "base/buffer.h"
#include "contract/documents.h"
#include "contract/world.h"
#include "runtime/export.h"
#include "runtime/import.h"

/* Every kind of store: what is tested of pairs is tested of all of them. */
extern const contract_fixture *const transfer_stores[];
extern const size_t transfer_store_count;

/* Two open stores; only their readers are open. */
typedef struct transfer_pair {
    contract_world *from, *to;
} transfer_pair;

/* Opens an empty pair, and closes it; sound: it verifies both first. */
void pair_open(transfer_pair *pair, size_t from, size_t to);
void pair_close(transfer_pair *pair, bool sound);

/* Writes a history by chance: events, commands, keys, documents. */
void write_history(contract_world *world, uint32_t seed, unsigned units);
/* One event, without a command. */
void write_event(contract_world *world, const char *stream, const char *data);
/* One document. */
void write_document(contract_world *world, const char *collection, const char *key, neap_text data);

/* The lines, each with its newline. */
void export_lines(neapi_store *store, const neap_filter *filter, neapi_buffer *lines);
/* Imports the lines, in pieces of so many bytes. */
neap_status import_lines(contract_world *world, neap_text lines, size_t piece, bool renumber,
                         neap_error *error);
/* The same, and it must succeed. */
void import_all(contract_world *world, const neapi_buffer *lines);

/* Whether both have the same; else `difference` (2,048 bytes) says what. */
bool same(neapi_store *store, neapi_store *other, char *difference);
void assert_same(const transfer_pair *pair);

/* Where the n-th line begins (from 1), and where it ends, with its newline. */
neap_text line_of(const neapi_buffer *lines, size_t number);
size_t count_lines(const neapi_buffer *lines);

/* What the machine's clock says is no part of a history: all keys are there for long. */
#define FAR_AWAY INT64_C(4000000000000000)

#endif
