/* The whole runtime on a store in PostgreSQL, for what is compared with bare libpq. */
#ifndef BENCH_POSTGRESQL_RUNTIME_H
#define BENCH_POSTGRESQL_RUNTIME_H

/* Commands a second, IN_FLIGHT of them at a time, each of one event, on streams that are in memory.
 */
double runtime_commands_s(const char *url, unsigned commands);
/* The p50 of one command after another, in µs: each on a stream that is not in memory, and then on
 * one that is. */
void runtime_single_us(const char *url, double *cold, double *warm);
/* Events a second that are read into the fold of an aggregate in Lua: a stream of LONG_STREAM, made
 * by runtime_make_stream. */
void runtime_make_stream(const char *url);
double runtime_folds_s(const char *url);

#endif
