/* A nats-server with JetStream for one test: in a folder of its own, on a port that is free. */
#ifndef SPEC_OUTBOX_NATS_SERVER_H
#define SPEC_OUTBOX_NATS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a test's exit status says when it could not be run. */
#define NATS_SKIPPED 77

typedef struct nats_server {
    pid_t pid; /* 0: it does not run */
    int port;
    char folder[64];
    char url[64]; /* nats://127.0.0.1:<port> */
} nats_server;

/* Whether nats-server is installed; says so if not. */
bool nats_server_installed(void);

/* Starts it and waits until it answers; starts it again on the same port and folder. */
void nats_server_start(nats_server *server);
/* Ends it at once; its folder stays. */
void nats_server_kill(nats_server *server);
/* Holds it, so that it answers nothing, and lets it go on. */
void nats_server_hold(nats_server *server);
void nats_server_go_on(nats_server *server);
/* Ends it, and removes its folder. */
void nats_server_remove(nats_server *server);

#endif
