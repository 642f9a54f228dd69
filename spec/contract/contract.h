/* The contract suite: what every store promises (core/store/backend.h), one test for each rule and
 * of the rule's name. A store passes it as a program of a few lines: a fixture, and NEAPI_CONTRACT.
 */
#ifndef NEAPI_SPEC_CONTRACT_H
#define NEAPI_SPEC_CONTRACT_H

#include "store/store.h"

#define CONTRACT_URL_SIZE 512

typedef struct contract_fixture {
    const char *name;
    /* The URL of a store that does not exist yet. */
    void (*fresh)(char url[CONTRACT_URL_SIZE]);
    /* Removes whatever the store left behind. NULL: it leaves nothing. */
    void (*discard)(const char *url);
    bool persistent; /* what was committed is there after closing and opening again */
    bool shared;     /* may have several writers */
    bool sql;        /* projections may keep rows in it */
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
