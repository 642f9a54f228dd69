#include "verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* What must not be found. Each statement answers a sentence for every breach, and stops after some:
 * a store that is broken in one place is broken in many. */
#define SOME " LIMIT 50"

/* A row for each tag of the event e. */
#define EACH_TAG                                                                                   \
    "json_each(CASE WHEN json_valid(e.tags) THEN e.tags END) j WHERE e.tags IS NOT NULL"

static const char *const checks[] = {
    "SELECT integrity_check FROM pragma_integrity_check(100) WHERE integrity_check <> 'ok'",
    "SELECT printf('The event at position %d belongs to stream number %d, which does not exist.', "
    "position, stream) FROM events WHERE stream NOT IN (SELECT id FROM streams)" SOME,
    "SELECT printf('The event at position %d has type number %d, which does not exist.', position, "
    "type) FROM events WHERE type NOT IN (SELECT id FROM types)" SOME,
    "SELECT printf('The event at position %d was caused by command number %d, which does not "
    "exist.', position, cause) FROM events "
    "WHERE cause IS NOT NULL AND cause NOT IN (SELECT number FROM commands)" SOME,
    "SELECT printf('The event at position %d is listed under category number %d; its stream is in "
    "%d.', e.position, e.category, s.category) FROM events e JOIN streams s ON s.id = e.stream "
    "WHERE e.category <> s.category" SOME,
    "SELECT printf('The stream %s is listed under category \"%s\".', s.name, c.name) "
    "FROM streams s LEFT JOIN categories c ON c.id = s.category WHERE c.name IS NOT "
    "CASE instr(s.name, '-') WHEN 0 THEN s.name "
    "ELSE substr(s.name, 1, instr(s.name, '-') - 1) END" SOME,
    "SELECT printf('The stream %s has %d events with versions from %d to %d.', coalesce(s.name, "
    "e.stream), count(*), min(e.version), max(e.version)) FROM events e "
    "LEFT JOIN streams s ON s.id = e.stream GROUP BY e.stream "
    "HAVING count(*) <> max(e.version) OR min(e.version) <> 1" SOME,
    "SELECT printf('The log has %d events at positions from %d to %d.', count(*), min(position), "
    "max(position)) FROM events HAVING count(*) <> max(position) OR min(position) <> 1",
    "SELECT printf('The event at position %d has an id of %d bytes.', position, length(id)) "
    "FROM events WHERE typeof(id) <> 'blob' OR length(id) <> 16" SOME,
    "SELECT printf('The event at position %d carries the tag \"%s\"; the index of tags does not "
    "say so.', e.position, j.value) FROM events e, " EACH_TAG " AND NOT EXISTS (SELECT 1 "
    "FROM tags t JOIN event_tags x ON x.tag = t.id WHERE t.name = j.value "
    "AND x.position = e.position)" SOME,
    "SELECT printf('The index of tags says that the event at position %d carries %s; it does "
    "not.', "
    "x.position, coalesce('\"' || t.name || '\"', 'tag number ' || x.tag)) FROM event_tags x "
    "LEFT JOIN tags t ON t.id = x.tag LEFT JOIN events e ON e.position = x.position "
    "WHERE NOT EXISTS (SELECT 1 FROM " EACH_TAG " AND j.value = t.name)" SOME,
    "SELECT printf('The index of tags says that the event at position %d has type number %d; it "
    "has %d.', x.position, x.type, e.type) FROM event_tags x JOIN events e "
    "ON e.position = x.position WHERE e.type <> x.type" SOME,
    "SELECT printf('The tag \"%s\" is on no event.', name) FROM tags "
    "WHERE NOT EXISTS (SELECT 1 FROM event_tags WHERE tag = tags.id)" SOME,
    "SELECT printf('The key \"%s\" points to position %d, behind the last event.', key, position) "
    "FROM keys WHERE position > (SELECT coalesce(max(position), 0) FROM events)" SOME,
    "SELECT printf('The key \"%s\" has a command id of %d bytes.', key, length(command_id)) "
    "FROM keys WHERE typeof(command_id) <> 'blob' OR length(command_id) <> 16" SOME,
    "SELECT printf('The document \"%s\" is in collection number %d, which does not exist.', key, "
    "collection) FROM document_rows WHERE collection NOT IN (SELECT id FROM collections)" SOME,
    "SELECT printf('A document of \"%s\" has a key or data that is no text.', c.name) "
    "FROM document_rows d JOIN collections c ON c.id = d.collection "
    "WHERE typeof(d.key) <> 'text' OR typeof(d.data) <> 'text'" SOME,
    "SELECT printf('The projection %s has lost the table \"%s@%d\".', projection, name, build) "
    "FROM projection_tables p WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema "
    "WHERE type = 'table' AND name = p.name || '@' || p.build)" SOME,
    "SELECT printf('The table \"%s\" belongs to no projection.', s.name) FROM sqlite_schema s "
    "WHERE s.type = 'table' AND instr(s.name, '@') > 0 AND NOT EXISTS (SELECT 1 "
    "FROM projection_tables p WHERE s.name = p.name || '@' || p.build)" SOME,
    "SELECT printf('The view \"%s\" of the projection %s is missing.', name, projection) "
    "FROM projection_tables p WHERE shown AND NOT EXISTS (SELECT 1 FROM sqlite_schema "
    "WHERE type = 'view' AND name = p.name)" SOME,
    "SELECT printf('The store has %d rows about itself instead of one.', count(*)) FROM store "
    "HAVING count(*) <> 1",
};

/* SQLite's own check takes a page that it has no memory for to be damaged. */
static bool is_want_of_memory(const char *text)
{
    const char *code = strstr(text, "unable to get the page. error code=");
    return code != NULL && neapi_sqlite_status(atoi(strchr(code, '=') + 1)) == NEAP_NOMEM;
}

static neap_status report(sqlite3_stmt *statement, const neapi_verify_sink *sink,
                          neap_verification *result, neap_error *error)
{
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    if (text == NULL || is_want_of_memory(text))
        return neapi_nomem(error);
    result->findings++;
    sink->finding(sink->user, text);
    return NEAP_OK;
}

static neap_status run_check(neapi_connection *connection, const char *sql,
                             const neapi_verify_sink *sink, neap_verification *result,
                             neap_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
    neap_status status = NEAP_OK;
    if (code == SQLITE_OK) {
        while ((code = sqlite3_step(statement)) == SQLITE_ROW && status == NEAP_OK)
            status = report(statement, sink, result, error);
    }
    if (status == NEAP_OK && code != SQLITE_DONE)
        status = neapi_connection_fail(connection, code, error);
    sqlite3_finalize(statement);
    return status;
}

static neap_status count_all(neapi_connection *connection, neap_verification *result,
                             neap_error *error)
{
    const struct {
        const char *sql;
        uint64_t *count;
    } counts[] = {
        {"SELECT count(*) FROM events", &result->events},
        {"SELECT count(DISTINCT stream) FROM events", &result->streams},
        {"SELECT count(*) FROM types", &result->types},
        {"SELECT count(*) FROM commands", &result->commands},
        {"SELECT count(*) FROM keys", &result->keys},
        {"SELECT count(*) FROM snapshots", &result->snapshots},
        {"SELECT count(*) FROM document_rows", &result->documents},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int64_t count;
        neap_status status = neapi_connection_integer(connection, counts[i].sql, &count, error);
        if (status != NEAP_OK)
            return status;
        *counts[i].count = (uint64_t)count;
    }
    return NEAP_OK;
}

/* Each check sees one moment; a writer may go on between them, so none compares two of them. */
neap_status neapi_sqlite_verify(neapi_session *base, const neapi_verify_sink *sink,
                                neap_verification *result, neap_error *error)
{
    neapi_connection *connection = &neapi_sqlite_session_of(base)->connection;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        neap_status status = run_check(connection, checks[i], sink, result, error);
        if (status != NEAP_OK)
            return status;
    }
    neap_status status = neapi_sqlite_verify_indexes(connection, sink, result, error);
    return status == NEAP_OK ? count_all(connection, result, error) : status;
}
