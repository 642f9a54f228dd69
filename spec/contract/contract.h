/* The contract suite: what every store promises (core/store/backend.h), one test for each rule and
 * of the rule's name. A store passes it as a program of a few lines: a fixture, and NEAPI_CONTRACT.
 */
#ifndef NEAPI_SPEC_CONTRACT_H
#define NEAPI_SPEC_CONTRACT_H

#include "store/store.h"

#define CONTRACT_URL_SIZE 512

/* SQL that is refused, and words of what is said then. */
typedef struct contract_refusal {
    const char *sql;
    neap_status status;
    const char *words;
} contract_refusal;

/* What the rules about SQL say differently from store to store. Each list ends with a NULL. */
typedef struct contract_dialect {
    const char *put;      /* ('eve', 7) into {revenue}, whatever is there */
    const char *blob;     /* a literal of one byte */
    const char *kinds;    /* CREATE TABLE {kinds}: a text, float, integer, text and bytes */
    bool text_has_zeros;  /* texts may have zero bytes */
    const char *fatal;    /* fails for a NULL in {revenue}, and ends the transaction if it can */
    const char *not_null; /* what is said of that */
    const char *table;    /* and of whose column */
    const char *unique;   /* of what is there twice */
    const char *missing;  /* of a table that is not there */
    const char *second;   /* of a COMMIT behind a statement */
    const contract_refusal *failing;  /* statements that cannot be run, or fail */
    const contract_refusal *foreign;  /* that touch what is not theirs, in whatever way */
    const contract_refusal *unsteady; /* that would come out differently when built again */
    const contract_refusal *tables;   /* schemas */
    const char *schema; /* a good one with all that may be in it: {revenue}, {lines} */
    const char *query;  /* of it, that answers {x},1 */
} contract_dialect;

typedef struct contract_fixture {
    const char *name;
    /* The URL of a store that does not exist yet. */
    void (*fresh)(char url[CONTRACT_URL_SIZE]);
    /* Opens and closes it. NULL: by its URL. */
    neap_status (*open)(const char *url, neapi_store **store, neap_error *error);
    void (*close)(neapi_store *store);
    /* Makes of a store whose sessions are closed another one that has the same, but for old
     * snapshots. NULL: closing and opening does. */
    neap_status (*renew)(neapi_store **store, neap_error *error);
    /* Removes whatever the store left behind. NULL: it leaves nothing. */
    void (*discard)(const char *url);
    bool persistent;             /* what was committed is there after closing and opening again */
    bool shared;                 /* may have several writers */
    bool text_only;              /* data of events are UTF-8 without zero bytes, or refused */
    const contract_dialect *sql; /* projections may keep rows in it. NULL: they may not */
    /* Puts the closed store into a state that is NEAP_CORRUPT to open. NULL: does not apply. */
    void (*make_foreign)(const char *url);
    void (*make_newer)(const char *url);
    void (*damage)(const char *url);
} contract_fixture;

/* Runs all rules that apply; what main returns. */
int contract_run(const contract_fixture *fixture);

#define NEAPI_CONTRACT(fixture)                                                                    \
    int main(void)                                                                                 \
    {                                                                                              \
        return contract_run(&(fixture));                                                           \
    }

#endif
