/* What reading leaves beside a file. */
#ifndef NEAPI_SQLITE_TIDY_H
#define NEAPI_SQLITE_TIDY_H

/* Reading makes SQLite put an empty log and its index beside the file. They are removed, unless
 * somebody else has the file open, or the log has something: that is the next writer's. What cannot
 * be removed stays; it does no harm. */
void neapi_sqlite_tidy(const char *real);

#endif
