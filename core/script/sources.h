/* The files of a domain, each read once: every engine of a runtime runs the same bytes. */
#ifndef NEAPI_SCRIPT_SOURCES_H
#define NEAPI_SCRIPT_SOURCES_H

#include "script/engine.h"

typedef struct neapi_source {
    neap_text module; /* as in require; empty: the domain's file */
    neap_text path;   /* terminated */
    neap_text bytes;
} neapi_source;

/* The domain's own file. Lifetime: the sources'. */
const neapi_source *neapi_sources_domain(const neapi_sources *sources);

/* What takes the place of some of the domain's functions: a JSON list of
 * {"of":…,"name":…,"code":…}, or empty. */
neap_text neapi_sources_replacements(const neapi_sources *sources);

/* The file of a required module; read if nobody did before, unless the sources are sealed.
 * Errors: NEAP_UNKNOWN (no such file, and where it was looked for; sealed), NEAP_USAGE (name,
 * bytecode, unreadable), NEAP_LIMIT, NEAP_NOMEM. */
neap_status neapi_sources_find(neapi_sources *sources, neap_text module,
                               const neapi_source **source, neap_error *error);

/* No file is read any more; from now on immutable, and all threads may use it. The first time
 * settles the fingerprint. */
void neapi_sources_seal(neapi_sources *sources);

/* Files are read again, until they are sealed again: those of services, which have no part in what
 * is folded. */
void neapi_sources_unseal(neapi_sources *sources);

#endif
