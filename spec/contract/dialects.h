/* SQL of projections as the stores have it that keep rows. */
#ifndef NEAPI_SPEC_DIALECTS_H
#define NEAPI_SPEC_DIALECTS_H

#include "contract/contract.h"

extern const contract_dialect contract_sqlite_sql;
extern const contract_dialect contract_postgresql_sql;

#endif
