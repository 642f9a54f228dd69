/* A store as simple as can be: what the rules of a commit come to, without files and indexes. */
#ifndef NEAPI_SPEC_MODEL_H
#define NEAPI_SPEC_MODEL_H

#include "contract/world.h"

#define MODEL_STREAMS 8
#define MODEL_TYPES   5
#define MODEL_KEYS    6
#define MODEL_TAGS    5
#define MODEL_KEPT    3
#define MODEL_BYTES   32

extern const char *const model_streams[MODEL_STREAMS];
extern const char *const model_types[MODEL_TYPES];
extern const char *const model_keys[MODEL_KEYS];
extern const char *const model_tags[MODEL_TAGS]; /* in bytewise order */
extern const char *const model_prints[2];        /* fingerprints */

typedef struct model_key {
    int64_t expires_at;
    uint64_t hash, version, position;
} model_key;

typedef struct model_snapshot {
    uint64_t version;
    int print;
    char state[MODEL_BYTES];
} model_snapshot;

/* Everything but the log, so that it can be copied and put back. */
typedef struct model_state {
    uint64_t version[MODEL_STREAMS], position[MODEL_STREAMS];
    model_key keys[MODEL_KEYS]; /* expires_at 0: was never there */
    model_snapshot snapshots[MODEL_STREAMS][MODEL_KEPT + 1];
    size_t snapshot_count[MODEL_STREAMS];
} model_state;

/* Zeroed at first; neapi_page_fini(&log) at the end. */
typedef struct model_store {
    int64_t now_us; /* wall clock, for the expiry of keys */
    model_state state;
    neapi_page log;
} model_store;

/* Whether the event has one of the types, of which none means any, and carries one of the tags, of
 * which none means any or no tag. */
bool model_wants(const neap_event *event, const neap_text *types, size_t type_count,
                 const neap_text *tags, size_t tag_count);

/* Judges the unit, and applies it if it is accepted. blocked: it follows one that was not. */
neapi_verdict model_judge(model_store *model, const neapi_unit *unit, bool blocked);

#endif
