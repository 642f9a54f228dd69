/* The SQLite store's own rows, inserted by a plain C loop. */
#ifndef BENCH_BARE_SQLITE_H
#define BENCH_BARE_SQLITE_H

/* Inserts so many events, each with the command that decided it, to so many streams in turn, in
 * transactions of `batch`, FULL, into a file in the folder: rows as layout 3 of the store has them,
 * and the lists of its indexes once a run of 65,536 events is there. The log is moved into the file
 * between transactions, as the store does. Returns events a second. */
double bare_sqlite(const char *folder, unsigned events, unsigned streams, unsigned batch);

#endif
