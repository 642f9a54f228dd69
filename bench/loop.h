/* A closed loop: commands that are sent by the answers to those before, so that no thread but the
 * runtime's works. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include "neap.h"

#define IN_FLIGHT 1000
#define JSON_ROOM 200

/* The JSON of an AddLine for bench/shop.lua's order of that number; its size. */
size_t add_line_json(char json[JSON_ROOM], unsigned number, unsigned order);

/* Sends so many AddLine commands, IN_FLIGHT at a time, and waits for all of them. order_of: gives
 * the order of the n-th. Returns commands a second. */
double closed_loop(neap_runtime *runtime, unsigned commands, unsigned (*order_of)(unsigned n));

#endif
