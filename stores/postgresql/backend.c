#include "postgresql.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "batch.h"
#include "outgoing.h"
#include "projected.h"
#include "rows.h"
#include "schema.h"

#define SCHEMA_BYTES 63

/* ---- The URL --------------------------------------------------------------------------------- */

/* What libpq knows, and Neap's own. */
static neap_status check_options(const neapi_url *url, neap_error *error)
{
    const char *known[80];
    size_t count = 0;
    PQconninfoOption *all = PQconndefaults();
    if (all == NULL)
        return neapi_nomem(error);
    known[count++] = "schema";
    for (const PQconninfoOption *each = all; each->keyword != NULL && count < 79; each++)
        known[count++] = each->keyword;
    known[count] = NULL;
    neap_status status = neapi_url_check_options(url, known, error);
    PQconninfoFree(all);
    return status;
}

static neap_status read_schema(const neapi_url *url, char **schema, neap_error *error)
{
    bool given, good = true;
    neap_text name = neapi_url_option(url, "schema", &given);
    if (!given)
        name = NEAPI_LITERAL("neap");
    for (size_t i = 0; i < name.size && good; i++) {
        char c = name.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               (c >= '0' && c <= '9' && i > 0);
    }
    if (!good || name.size == 0 || name.size > SCHEMA_BYTES ||
        (name.size >= 3 && memcmp(name.data, "pg_", 3) == 0))
        return neapi_fail(error, NEAP_USAGE,
                          "\"%.*s\" cannot be the store's schema; expected are 1 to %d letters, "
                          "digits and underscores, and neither a digit nor pg_ at the start",
                          NEAPI_TEXT(name), SCHEMA_BYTES);
    *schema = neapi_alloc_text(name.data, name.size);
    return *schema != NULL ? NEAP_OK : neapi_nomem(error);
}

/* The URL without the option that libpq does not know. */
static char *without_schema(const neapi_url *url)
{
    bool given;
    neap_text value = neapi_url_option(url, "schema", &given);
    const char *text = url->given.data;
    size_t size = url->given.size;
    char *copy = neapi_alloc_text(text, size);
    if (copy == NULL || !given)
        return copy;
    size_t query_at = size - url->query.size;
    size_t from = query_at + (size_t)(value.data - url->query.data) - strlen("schema=");
    size_t to = from + strlen("schema=") + value.size;
    to += to < size; /* the & behind it */
    memmove(copy + from, copy + to, size - to + 1);
    size = strlen(copy);
    if (size != 0 && (copy[size - 1] == '&' || copy[size - 1] == '?'))
        copy[size - 1] = '\0';
    return copy;
}

/* What stands where the port should be may be the half of a password: libpq would show it. */
static neap_status check_port(const neapi_pg_target *target, neap_error *error)
{
    for (const PQconninfoOption *each = target->options; each->keyword != NULL; each++)
        if (strcmp(each->keyword, "port") == 0 && each->val != NULL &&
            strspn(each->val, "0123456789,") != strlen(each->val))
            return neapi_fail(error, NEAP_USAGE,
                              "its port is no number (in a password, write %%2F for '/')");
    return NEAP_OK;
}

/* libpq may quote in its message what is secret. */
static neap_status read_target(const neapi_url *url, neapi_pg_target *target, neap_error *error)
{
    neap_status status = check_options(url, error);
    if (status == NEAP_OK && (url->path.size < 2 || memcmp(url->path.data, "//", 2) != 0))
        status = neapi_fail(error, NEAP_USAGE,
                            "expected postgresql://[USER@]HOST[:PORT]/DATABASE[?schema=NAME]");
    if (status == NEAP_OK)
        status = read_schema(url, &target->schema, error);
    if (status != NEAP_OK)
        return status;
    char *whole = without_schema(url);
    if (whole == NULL)
        return neapi_nomem(error);
    char *message = NULL;
    target->options = PQconninfoParse(whole, &message);
    if (target->options == NULL && neapi_text_equal(url->given, url->whole))
        status = neapi_fail(error, NEAP_USAGE, "%s", message != NULL ? message : "not a URL");
    else if (target->options == NULL)
        status = neapi_fail(error, NEAP_USAGE,
                            "it is no URL that libpq understands; expected "
                            "postgresql://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?schema=NAME]");
    PQfreemem(message);
    neapi_free(whole);
    return status == NEAP_OK ? check_port(target, error) : status;
}

/* ---- The store ------------------------------------------------------------------------------- */

static void close_store(neapi_store *base)
{
    neapi_pg_store *store = (neapi_pg_store *)base;
    PQconninfoFree(store->target.options);
    neapi_free(store->target.schema);
    neapi_free(store->verdicts);
    neapi_pg_seen_fini(&store->seen);
    neapi_free(store);
}

static neap_status open_store(const neapi_url *url, neapi_mode mode, neapi_store **result,
                              neap_error *error)
{
    neapi_pg_store *store = neapi_alloc_zero(1, sizeof *store);
    if (store == NULL)
        return neapi_nomem(error);
    neapi_pg_seen_init(&store->seen);
    neap_status status = read_target(url, &store->target, error);
    if (status == NEAP_OK) {
        neapi_pg_connection connection;
        neapi_pg_init(&connection, &store->target, mode == NEAPI_MODE_WRITE);
        status = neapi_pg_schema_check(&connection, mode, error);
        neapi_pg_fini(&connection);
    }
    if (status != NEAP_OK)
        close_store(&store->base);
    else
        *result = &store->base;
    return status;
}

/* ---- Sessions -------------------------------------------------------------------------------- */

static void close_session(neapi_session *base)
{
    neapi_pg_session *session = neapi_pg_session_of(base);
    neap_error ignored;
    if (session->writes != NULL && session->connection.pg != NULL &&
        !neapi_pg_store_of(session)->unknown && !neapi_pg_store_of(session)->fenced) {
        neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
        PGresult *gone;
        neapi_pg_uuid(&params, &neapi_pg_store_of(session)->writer);
        neapi_pg_ask(&session->connection, NEAPI_PG_SQL_WRITER_GONE, &params, &gone, &ignored);
    }
    neapi_pg_fini(&session->connection);
    if (session->projected != NULL)
        neapi_pg_projected_fini(session->projected);
    neapi_free(session->projected);
    neapi_pg_batch_free(session->batch);
    neapi_pg_outgoing_free(session->writes);
    neapi_free(session->tags);
    neapi_free(session);
}

/* What this session's batches are known by, unless the outcome of one before it is still to be
 * found out. */
static neap_status name_writer(neapi_pg_session *session, neap_error *error)
{
    neapi_pg_store *store = neapi_pg_store_of(session);
    if (store->unknown)
        return NEAP_OK;
    PGresult *row;
    neap_status status =
        neapi_pg_ask_text(&session->connection, "SELECT gen_random_uuid()", NULL, &row, error);
    if (status == NEAP_OK)
        store->writer = neapi_pg_get_uuid(row, 0, 0);
    return status;
}

static neap_status open_session(neapi_store *base, neapi_mode mode, neapi_session **result,
                                neap_error *error)
{
    neapi_pg_store *store = (neapi_pg_store *)base;
    neapi_pg_session *session = neapi_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return neapi_nomem(error);
    session->base.store = base;
    session->base.mode = mode;
    neapi_pg_init(&session->connection, &store->target, mode == NEAPI_MODE_WRITE);
    session->projected = neapi_alloc_zero(1, sizeof *session->projected);
    if (session->projected != NULL)
        neapi_pg_projected_init(session->projected, &session->connection);
    neap_status status = session->projected != NULL ? neapi_pg_connect(&session->connection, error)
                                                    : neapi_nomem(error);
    if (status == NEAP_OK && mode == NEAPI_MODE_WRITE) {
        session->batch = neapi_pg_batch_new();
        session->writes = neapi_pg_outgoing_new();
        status = session->batch != NULL && session->writes != NULL ? name_writer(session, error)
                                                                   : neapi_nomem(error);
    }
    if (status != NEAP_OK)
        close_session(&session->base);
    else
        *result = &session->base;
    return status;
}

const neapi_backend neapi_backend_postgresql = {
    .scheme = "postgresql",
    .shared = true,
    .waits = true,
    .open = open_store,
    .close = close_store,
    .session_open = open_session,
    .session_close = close_session,
    .commit = neapi_pg_commit,
    .resolve = neapi_pg_resolve,
    .read = neapi_pg_read,
    .stream_head = neapi_pg_stream_head,
    .head = neapi_pg_head,
    .listen = neapi_pg_listen,
    .find_key = neapi_pg_find_key,
    .find_snapshot = neapi_pg_find_snapshot,
    .find_command = neapi_pg_find_command,
    .find_document = neapi_pg_find_document,
    .list_documents = neapi_pg_list_documents,
    .list_collections = neapi_pg_list_collections,
    .show_kept = neapi_pg_show_kept,
    .select = neapi_pg_select,
    .maintain = neapi_pg_maintain,
    .verify = neapi_pg_verify,
    .survey = neapi_pg_survey,
};
