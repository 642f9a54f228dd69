#include "places.h"
#include "writer.h"

#include "base/error.h"
#include "base/text.h"

/* Finds the name by heart, else in the file; id 0: it is in neither. */
static neap_status look_up(neapi_sqlite_session *session, neapi_sqlite_names *names, neapi_sql sql,
                           neap_text text, neapi_sqlite_name **name, bool *known, neap_error *error)
{
    bool refused, row;
    *name = neapi_sqlite_names_find(names, text, &refused);
    *known = *name != NULL;
    if (*known)
        return NEAP_OK;
    if (!refused)
        *name = neapi_sqlite_names_add(names, text);
    if (*name == NULL)
        return neapi_nomem(error);
    neapi_query query = neapi_query_begin(&session->connection, sql);
    neapi_query_text(&query, text);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    (*name)->id = neapi_query_column_integer(&query, 0);
    (*name)->category = neapi_query_column_integer(&query, 1);
    neapi_query_end(&query);
    return NEAP_OK;
}

/* Runs the insertion and remembers the number that the row got. */
static neap_status add(neapi_sqlite_session *session, neapi_query *query, neapi_sqlite_name *name,
                       neap_error *error)
{
    session->writer->wrote = true;
    neap_status status = neapi_query_finish(query, error);
    if (status == NEAP_OK)
        name->id = sqlite3_last_insert_rowid(session->connection.db);
    return status;
}

neap_status neapi_sqlite_stream(neapi_sqlite_session *session, neap_text stream,
                                neapi_sqlite_name **name, neap_error *error)
{
    bool known;
    int64_t version, position;
    neap_status status = look_up(session, &session->writer->streams, NEAPI_SQL_STREAM_ID, stream,
                                 name, &known, error);
    if (status != NEAP_OK || known || (*name)->id == 0)
        return status;
    status = neapi_sqlite_stream_end(session, (*name)->id, &version, &position, error);
    if (status == NEAP_OK && version < 0)
        return neapi_sqlite_damaged(error, "an event has the number", version);
    if (status == NEAP_OK)
        (*name)->version = (uint64_t)version;
    return status;
}

static neap_status make(neapi_sqlite_session *session, neapi_sqlite_names *names, neapi_sql find,
                        neapi_sql make, neap_text text, neapi_sqlite_name **name, neap_error *error)
{
    bool known;
    neap_status status = look_up(session, names, find, text, name, &known, error);
    if (status != NEAP_OK || (*name)->id != 0)
        return status;
    neapi_query query = neapi_query_begin(&session->connection, make);
    neapi_query_text(&query, text);
    return add(session, &query, *name, error);
}

neap_status neapi_sqlite_collection(neapi_sqlite_session *session, neap_text collection,
                                    neapi_sqlite_name **name, neap_error *error)
{
    bool known;
    return look_up(session, &session->writer->collections, NEAPI_SQL_COLLECTION_ID, collection,
                   name, &known, error);
}

neap_status neapi_sqlite_collection_add(neapi_sqlite_session *session, neapi_sqlite_name *name,
                                        neap_error *error)
{
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_COLLECTION_ADD);
    neapi_query_text(&query, name->text);
    return add(session, &query, name, error);
}

neap_status neapi_sqlite_type(neapi_sqlite_session *session, neap_text type, int64_t *id,
                              neap_error *error)
{
    bool known;
    neapi_sqlite_name *name;
    neap_status status =
        look_up(session, &session->writer->types, NEAPI_SQL_TYPE_ID, type, &name, &known, error);
    if (status == NEAP_OK)
        *id = name->id;
    return status;
}

neap_status neapi_sqlite_type_make(neapi_sqlite_session *session, neap_text type, int64_t *id,
                                   neap_error *error)
{
    neapi_sqlite_name *name;
    neap_status status = make(session, &session->writer->types, NEAPI_SQL_TYPE_ID,
                              NEAPI_SQL_TYPE_ADD, type, &name, error);
    if (status == NEAP_OK)
        *id = name->id;
    return status;
}

neap_status neapi_sqlite_tag(neapi_sqlite_session *session, neap_text tag, neapi_sqlite_name **name,
                             neap_error *error)
{
    bool known, row;
    neap_status status =
        look_up(session, &session->writer->tags, NEAPI_SQL_TAG_ID, tag, name, &known, error);
    if (status != NEAP_OK || (*name)->id == 0 || (*name)->last != 0)
        return status;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_TAG_LAST);
    neapi_query_integer(&query, (*name)->id);
    status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && row) {
        int64_t last = neapi_query_column_integer(&query, 0);
        (*name)->last = last > 0 ? (uint64_t)last : 0;
        neapi_query_end(&query);
    }
    return status;
}

neap_status neapi_sqlite_tag_make(neapi_sqlite_session *session, neap_text tag,
                                  neapi_sqlite_name **name, neap_error *error)
{
    return make(session, &session->writer->tags, NEAPI_SQL_TAG_ID, NEAPI_SQL_TAG_ADD, tag, name,
                error);
}

neap_status neapi_sqlite_stream_make(neapi_sqlite_session *session, neap_text stream,
                                     neapi_sqlite_name **name, neap_error *error)
{
    neap_status status = neapi_sqlite_stream(session, stream, name, error);
    if (status != NEAP_OK || (*name)->id != 0)
        return status;
    neapi_sqlite_name *category;
    status = make(session, &session->writer->categories, NEAPI_SQL_CATEGORY_ID,
                  NEAPI_SQL_CATEGORY_ADD, neapi_stream_category(stream), &category, error);
    if (status != NEAP_OK)
        return status;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_STREAM_ADD);
    neapi_query_text(&query, stream);
    neapi_query_integer(&query, category->id);
    (*name)->category = category->id;
    return add(session, &query, *name, error);
}
