#include "postgresql.h"
#include "rows.h"

/* What must not be found. Each statement answers a sentence for every breach, and stops after some:
 * a store that is broken in one place is broken in many. */
#define SOME " LIMIT 50"

static const char *const checks[] = {
    "SELECT format('The index %s cannot be used.', c.relname) FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relnamespace = "
    "(SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass)" SOME,
    "SELECT format('The log has %s events at positions from %s to %s.', count(*), min(position), "
    "max(position)) FROM events HAVING count(*) <> max(position) OR min(position) <> 1",
    "SELECT format('The stream %s has %s events with versions from %s to %s.', stream, count(*), "
    "min(version), max(version)) FROM events GROUP BY stream "
    "HAVING count(*) <> max(version) OR min(version) <> 1" SOME,
    "SELECT format('The event at position %s carries the tag \"%s\"; the index of tags does not "
    "say so.', e.position, w.tag) FROM events e, unnest(e.tags) AS w (tag) WHERE NOT EXISTS "
    "(SELECT 1 FROM tags t WHERE t.tag = w.tag AND t.position = e.position "
    "AND t.type = e.type)" SOME,
    "SELECT format('The index of tags says that the event at position %s, of type %s, carries "
    "\"%s\"; it does not.', t.position, t.type, t.tag) FROM tags t LEFT JOIN events e "
    "ON e.position = t.position WHERE e.position IS NULL OR e.type <> t.type "
    "OR NOT coalesce(t.tag = ANY (e.tags), false)" SOME,
    "SELECT format('The command of the events from %s to %s points behind the last event.', first, "
    "last) FROM commands WHERE last > (SELECT coalesce(max(position), 0) FROM events) "
    "OR last < first" SOME,
    "SELECT format('The commands of the events from %s on overlap.', c.first) FROM (SELECT first, "
    "lag(last) OVER (ORDER BY first) AS before FROM commands) c WHERE c.before >= c.first" SOME,
    "SELECT format('The key \"%s\" points to position %s, behind the last event.', key, position) "
    "FROM keys WHERE position > (SELECT coalesce(max(position), 0) FROM events)" SOME,
    "SELECT format('The store has %s rows about itself instead of one.', count(*)) FROM store "
    "HAVING count(*) <> 1",
};

static neap_status run_check(neapi_pg_connection *connection, const char *sql,
                             const neapi_verify_sink *sink, neap_verification *result,
                             neap_error *error)
{
    PGresult *rows;
    neap_status status = neapi_pg_ask_text(connection, sql, NULL, &rows, error);
    for (int i = 0; status == NEAP_OK && i < PQntuples(rows); i++) {
        result->findings++;
        sink->finding(sink->user, neapi_pg_get_text(rows, i, 0).data);
    }
    return status;
}

static neap_status count_all(neapi_pg_connection *connection, neap_verification *result,
                             neap_error *error)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM events WHERE version = 1), "
        "(SELECT count(DISTINCT type) FROM events), (SELECT count(*) FROM commands), "
        "(SELECT count(*) FROM keys), (SELECT count(*) FROM snapshots), "
        "(SELECT count(*) FROM documents)";
    uint64_t *const counts[] = {&result->events,   &result->streams, &result->types,
                                &result->commands, &result->keys,    &result->snapshots,
                                &result->documents};
    PGresult *rows;
    neap_status status = neapi_pg_ask_text(connection, sql, NULL, &rows, error);
    for (int i = 0; status == NEAP_OK && i < 7; i++)
        *counts[i] = (uint64_t)neapi_pg_get_integer(rows, 0, i);
    return status;
}

/* Each check sees one moment; others may go on between them, so none compares two of them. */
neap_status neapi_pg_verify(neapi_session *base, const neapi_verify_sink *sink,
                            neap_verification *result, neap_error *error)
{
    neapi_pg_connection *connection = &neapi_pg_session_of(base)->connection;
    neap_status status = NEAP_OK;
    connection->patient = true;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == NEAP_OK; i++)
        status = run_check(connection, checks[i], sink, result, error);
    if (status == NEAP_OK)
        status = count_all(connection, result, error);
    connection->patient = false;
    return status;
}
