/* A server that a test has for itself, to do to it what others should not see. */
#ifndef NEAPI_SPEC_OWN_SERVER_H
#define NEAPI_SPEC_OWN_SERVER_H

typedef struct own_server {
    char file[32];    /* that the script knows it by */
    char folder[128]; /* of its data and its socket */
} own_server;

/* settings: as words of shell, or "". */
void own_server_start(own_server *server, const char *settings);
void own_server_stop(own_server *server);
/* Runs a verb of the script (spec/postgresql/server); gives its exit status. */
int own_server_do(own_server *server, const char *verb, const char *rest);
/* The URL of the store there, with `more` behind it. */
void own_server_url(const own_server *server, const char *more, char *url, unsigned size);

#endif
