/* Stands between a client and PostgreSQL, counts the messages of their protocol, and cuts the
 * connection behind the n-th. */
#ifndef NEAPI_SPEC_PROXY_H
#define NEAPI_SPEC_PROXY_H

#include <stdbool.h>

typedef struct proxy_between proxy_between;

/* For one connection at a time. folder: of the server's socket. */
proxy_between *proxy_start(const char *folder);
void proxy_stop(proxy_between *proxy);
/* Where clients find it, as a server's folder. */
const char *proxy_folder(const proxy_between *proxy);
/* Counts from now on, and cuts behind the n-th message, sent or answered; 0: never. */
void proxy_cut(proxy_between *proxy, int nth);
/* Whether it has cut since then. */
bool proxy_has_cut(const proxy_between *proxy);

#endif
