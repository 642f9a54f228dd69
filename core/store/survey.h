/* Figures of a store, gathered event by event in one pass, in memory that does not grow with the
 * number of events or of a category's streams: only with that of categories and types. */
#ifndef NEAPI_STORE_SURVEY_H
#define NEAPI_STORE_SURVEY_H

#include "base/arena.h"
#include "base/map.h"
#include "neap.h"

#define NEAPI_SURVEY_LONGEST 10

/* An event, as far as figures need it. Stores know streams, categories and types by numbers, any
 * that are different for different names. */
typedef struct neapi_survey_event {
    uint64_t position, version;
    uint64_t stream, category, type;
    uint32_t schema;
    int64_t recorded_at;
    size_t data_bytes;
    bool tagged;
} neapi_survey_event;

typedef enum neapi_survey_kind {
    NEAPI_SURVEY_TYPE,
    NEAPI_SURVEY_CATEGORY,
    NEAPI_SURVEY_STREAM,
} neapi_survey_kind;

/* A number whose name the store is asked for. */
typedef struct neapi_survey_name {
    neapi_survey_kind kind;
    uint64_t number;
    neap_text *name; /* to be set, to memory of survey->arena */
    struct neapi_survey_name *next;
} neapi_survey_name;

typedef struct neapi_survey_stream {
    uint64_t number, events, last;
} neapi_survey_stream;

typedef struct neapi_survey {
    neap_statistics result; /* first: it is what a host holds */
    neapi_arena arena;
    neapi_map groups; /* of types and categories */
    struct neapi_survey_group *types, *categories;
    struct neapi_survey_group *last_type, *last_category; /* the last event's: the next is likely */
    neapi_survey_stream longest[NEAPI_SURVEY_LONGEST];
    size_t longest_count;
    uint64_t least; /* events of the shortest among those */
    neapi_survey_name *names;
} neapi_survey;

/* Counts one event; positions rise. Errors: false, an allocation was refused. */
bool neapi_survey_see(neapi_survey *survey, const neapi_survey_event *event);

/* Makes the lists; survey->names are what is to be named then. Errors: false, an allocation was
 * refused. */
bool neapi_survey_close(neapi_survey *survey);

void neapi_survey_fini(neapi_survey *survey);

#endif
