#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "rows.h"

int neapi_pg_silence_ms = 30000;

void neapi_pg_init(neapi_pg_connection *connection, const neapi_pg_target *target, bool writes)
{
    *connection = (neapi_pg_connection){.target = target, .writes = writes};
}

static void clear_results(neapi_pg_connection *connection)
{
    for (size_t i = 0; i < connection->result_count; i++)
        PQclear(connection->results[i]);
    connection->result_count = connection->queued = 0;
}

static void disconnect(neapi_pg_connection *connection)
{
    PQfinish(connection->pg);
    connection->pg = NULL;
    connection->listens = false;
    memset(connection->prepared, 0, sizeof connection->prepared);
}

void neapi_pg_fini(neapi_pg_connection *connection)
{
    clear_results(connection);
    disconnect(connection);
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* What a SQLSTATE means to who called: 08 connection, 53 the server lacks something, 57 it is
 * stopped or stops the statement, 40 and 55P03 others were in the way, 25006 it is a standby now,
 * 25P03 it waited too long for us, XX001 and XX002 damage, 42P01 and 42703 what is missing. */
static neap_status status_of(const char *state)
{
    static const struct {
        const char *begins;
        neap_status status;
    } meanings[] = {
        {"08", NEAP_UNAVAILABLE},    {"53", NEAP_UNAVAILABLE},    {"57", NEAP_UNAVAILABLE},
        {"40", NEAP_UNAVAILABLE},    {"55P03", NEAP_UNAVAILABLE}, {"25006", NEAP_UNAVAILABLE},
        {"25P03", NEAP_UNAVAILABLE}, {"XX001", NEAP_CORRUPT},     {"XX002", NEAP_CORRUPT},
        {"42P01", NEAP_CORRUPT},     {"42703", NEAP_CORRUPT},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strncmp(state, meanings[i].begins, strlen(meanings[i].begins)) == 0)
            return meanings[i].status;
    return NEAP_STORE;
}

/* libpq's messages end with a line feed, and may have more of them. */
static neap_status fail_with(neap_error *error, neap_status status, const char *message)
{
    char text[400];
    size_t size = 0;
    for (; *message != '\0' && size < sizeof text - 1; message++)
        text[size++] = *message == '\n' || *message == '\t' ? ' ' : *message;
    while (size > 0 && text[size - 1] == ' ')
        size--;
    text[size] = '\0';
    return neapi_fail(error, status, "%s", size != 0 ? text : "the connection was lost");
}

static neap_status lose(neapi_pg_connection *connection, const char *why, neap_error *error)
{
    connection->lost = true;
    fail_with(error, NEAP_UNAVAILABLE, why);
    disconnect(connection);
    return NEAP_UNAVAILABLE;
}

static neap_status lost(neapi_pg_connection *connection, neap_error *error)
{
    return lose(connection, PQerrorMessage(connection->pg), error);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* Until the next result can be had without waiting. NULL: there is one; else: why there is none. */
static const char *await(neapi_pg_connection *connection)
{
    PGconn *pg = connection->pg;
    for (;;) {
        int left = PQflush(pg);
        if (left < 0)
            return PQerrorMessage(pg);
        if (PQisBusy(pg) == 0)
            return NULL;
        struct pollfd wanted = {.fd = PQsocket(pg),
                                .events = (short)(left > 0 ? POLLIN | POLLOUT : POLLIN)};
        int ready = poll(&wanted, 1, connection->patient ? -1 : neapi_pg_silence_ms);
        if (ready == 0)
            return "the server does not answer";
        if (ready < 0 && errno != EINTR)
            return strerror(errno);
        if (ready > 0 && (wanted.revents & ~POLLOUT) != 0 && PQconsumeInput(pg) == 0)
            return PQerrorMessage(pg);
    }
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static void ignore_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

/* Every statement of Neap's wants to go along an index, whatever the statistics say of a store
 * that was empty when it was planned. What SQL of projections makes of times and numbers must not
 * depend on who runs it. */
#define SETTINGS                                                                                   \
    "SELECT set_config('search_path', quote_ident($1::text) || ', pg_temp', "                      \
    "false), set_config('enable_seqscan', 'off', false), "                                         \
    "set_config('enable_bitmapscan', 'off', false), set_config('enable_hashjoin', 'off', false), " \
    "set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false), "              \
    "set_config('plan_cache_mode', 'force_generic_plan', false), "                                 \
    "set_config('idle_in_transaction_session_timeout', '10s', false), "                            \
    "set_config('lock_timeout', CASE current_setting('lock_timeout') WHEN '0' THEN '10s' "         \
    "ELSE current_setting('lock_timeout') END, false), "                                           \
    "set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, MDY', false), "           \
    "set_config('IntervalStyle', 'postgres', false), set_config('bytea_output', 'hex', false), "   \
    "set_config('extra_float_digits', '1', false), set_config('lc_time', 'C', false), "            \
    "set_config('lc_numeric', 'C', false), set_config('lc_monetary', 'C', false), "                \
    "set_config('standard_conforming_strings', 'on', false), "                                     \
    "set_config('default_transaction_read_only', $2::text, false)"

static neap_status set_up(neapi_pg_connection *connection, neap_error *error)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, neapi_text_of(connection->target->schema));
    neapi_pg_text(&params, neapi_text_of(connection->writes ? "off" : "on"));
    neapi_pg_queue_text(connection, SETTINGS, &params);
    neapi_pg_queue_text(connection, "SELECT current_setting('server_encoding')", NULL);
    neap_status status = neapi_pg_run(connection, error);
    if (status != NEAP_OK)
        return status;
    neap_text encoding = neapi_pg_get_text(neapi_pg_result(connection, 1), 0, 0);
    if (neapi_text_equal(encoding, NEAPI_LITERAL("UTF8")))
        return NEAP_OK;
    return neapi_fail(error, NEAP_STORE,
                      "the database has the encoding %.*s; Neap needs UTF8 (createdb -E UTF8 -T "
                      "template0)",
                      NEAPI_TEXT(encoding));
}

static neap_status refused(neapi_pg_connection *connection, neap_error *error)
{
    if (connection->pg == NULL)
        return neapi_nomem(error);
    bool hopeless = PQconnectionNeedsPassword(connection->pg) != 0 ||
                    PQconnectionUsedPassword(connection->pg) != 0;
    return fail_with(error, hopeless ? NEAP_STORE : NEAP_UNAVAILABLE,
                     PQerrorMessage(connection->pg));
}

/* What the server says while it is connected to, such as that it is shut down at that moment, libpq
 * prints itself unless it is told where that goes; it can be told only once there is a connection
 * in the making, and go on from there with its own waiting, for each host, only by a reset. */
static PGconn *connect_quietly(const char *const *names, const char *const *values)
{
    PGconn *pg = PQconnectStartParams(names, values, 0);
    if (pg == NULL || PQstatus(pg) == CONNECTION_BAD)
        return pg;
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    PQreset(pg);
    return pg;
}

static PGconn *connect_to(const neapi_pg_target *target)
{
    const char *names[64], *values[64];
    size_t count = 0;
    bool patience = false;
    for (const PQconninfoOption *each = target->options; each->keyword != NULL; each++) {
        if (each->val == NULL || count == 60)
            continue;
        patience = patience || strcmp(each->keyword, "connect_timeout") == 0;
        names[count] = each->keyword;
        values[count++] = each->val;
    }
    if (!patience) {
        names[count] = "connect_timeout";
        values[count++] = "10";
    }
    names[count] = "fallback_application_name";
    values[count++] = "neap";
    names[count] = "client_encoding";
    values[count++] = "UTF8";
    names[count] = values[count] = NULL;
    return connect_quietly(names, values);
}

neap_status neapi_pg_connect(neapi_pg_connection *connection, neap_error *error)
{
    if (connection->pg != NULL && PQstatus(connection->pg) == CONNECTION_OK)
        return NEAP_OK;
    disconnect(connection);
    connection->pg = connect_to(connection->target);
    if (connection->pg == NULL || PQstatus(connection->pg) != CONNECTION_OK) {
        neap_status status = refused(connection, error);
        disconnect(connection);
        return status;
    }
    if (PQsetnonblocking(connection->pg, 1) != 0 || PQenterPipelineMode(connection->pg) != 1)
        return lost(connection, error);
    clear_results(connection);
    connection->lost = connection->refused = false;
    connection->link++;
    neap_status status = set_up(connection, error);
    if (status != NEAP_OK)
        disconnect(connection);
    clear_results(connection);
    return status;
}

bool neapi_pg_is_quiet(const neapi_pg_connection *connection)
{
    struct pollfd wanted = {.fd = PQsocket(connection->pg), .events = POLLIN};
    return PQstatus(connection->pg) == CONNECTION_OK && poll(&wanted, 1, 0) == 0;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

neap_status neapi_pg_begin(neapi_pg_connection *connection, neap_error *error)
{
    clear_results(connection);
    connection->lost = connection->refused = false;
    connection->state[0] = '\0';
    return neapi_pg_connect(connection, error);
}

neap_status neapi_pg_go_on(neapi_pg_connection *connection, neap_error *error)
{
    clear_results(connection);
    PGTransactionStatusType state =
        connection->pg != NULL ? PQtransactionStatus(connection->pg) : PQTRANS_UNKNOWN;
    if (state == PQTRANS_INTRANS || state == PQTRANS_INERROR)
        return NEAP_OK;
    return neapi_fail(error, NEAP_UNAVAILABLE, "the connection was lost within a transaction");
}

static void note(neapi_pg_connection *connection, neapi_pg_sql sql, bool prepares, int sent)
{
    connection->refused = connection->refused || sent != 1;
    if (sent == 1)
        connection->queue[connection->queued++] = (neapi_pg_queued){sql, prepares};
}

static bool has_room(neapi_pg_connection *connection)
{
    if (connection->queued + 2 > 2 * NEAPI_PG_RESULTS)
        connection->refused = true;
    return !connection->refused;
}

void neapi_pg_queue(neapi_pg_connection *connection, neapi_pg_sql sql,
                    const neapi_pg_params *params)
{
    static const neapi_pg_params none = {.count = 0};
    char name[16];
    snprintf(name, sizeof name, "neap%d", (int)sql);
    if (!has_room(connection))
        return;
    if (!connection->prepared[sql]) {
        note(connection, sql, true,
             PQsendPrepare(connection->pg, name, neapi_pg_statements[sql], 0, NULL));
        connection->prepared[sql] = true;
    }
    params = params != NULL ? params : &none;
    note(connection, sql, false,
         PQsendQueryPrepared(connection->pg, name, params->count, params->values, params->sizes,
                             params->formats, 1));
}

void neapi_pg_queue_text(neapi_pg_connection *connection, const char *sql,
                         const neapi_pg_params *params)
{
    static const neapi_pg_params none = {.count = 0};
    if (!has_room(connection))
        return;
    params = params != NULL ? params : &none;
    note(connection, NEAPI_PG_SQL_COUNT, false,
         PQsendQueryParams(connection->pg, sql, params->count, NULL, params->values, params->sizes,
                           params->formats, 1));
}

void neapi_pg_queue_prepare(neapi_pg_connection *connection, const char *name, const char *sql,
                            const neapi_pg_type *types, size_t count)
{
    static_assert(sizeof *types == sizeof(Oid), "both are numbers of types");
    if (has_room(connection))
        note(connection, NEAPI_PG_SQL_COUNT, false,
             PQsendPrepare(connection->pg, name, sql, (int)count, (const Oid *)types));
}

void neapi_pg_queue_named(neapi_pg_connection *connection, const char *name, size_t count,
                          const char *const *values, const int *sizes, const int *formats)
{
    if (has_room(connection))
        note(connection, NEAPI_PG_SQL_COUNT, false,
             PQsendQueryPrepared(connection->pg, name, (int)count, values, sizes, formats, 0));
}

/* One queued statement's result, or NULL: the connection is lost. */
static PGresult *take_result(neapi_pg_connection *connection, const char **why)
{
    PGresult *result = NULL, *next;
    while ((*why = await(connection)) == NULL && (next = PQgetResult(connection->pg)) != NULL) {
        PQclear(result);
        result = next;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            return result;
    }
    if (*why == NULL && result != NULL && PQstatus(connection->pg) == CONNECTION_OK)
        return result;
    if (*why == NULL)
        *why = PQerrorMessage(connection->pg);
    PQclear(result);
    return NULL;
}

static void fail_with_result(neapi_pg_connection *connection, const PGresult *result,
                             neap_error *error)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(connection->state, sizeof connection->state, "%s", state != NULL ? state : "");
    fail_with(error, status_of(connection->state),
              message != NULL ? message : PQresultErrorMessage(result));
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

neap_status neapi_pg_run(neapi_pg_connection *connection, neap_error *error)
{
    if (connection->pg == NULL)
        return neapi_fail(error, NEAP_UNAVAILABLE, "the connection was lost");
    if (connection->refused || PQpipelineSync(connection->pg) != 1)
        return lost(connection, error);
    neap_status status = NEAP_OK;
    const char *why = NULL;
    for (size_t i = 0; i <= connection->queued; i++) { /* and one for what ends them */
        PGresult *result = take_result(connection, &why);
        if (result == NULL)
            return lose(connection, why, error);
        bool good = is_good(result);
        if (i < connection->queued && connection->queue[i].prepares && !good)
            connection->prepared[connection->queue[i].sql] = false;
        if (i < connection->queued && !good && status == NEAP_OK) {
            fail_with_result(connection, result, error);
            status = error->status;
        }
        if (i < connection->queued && !connection->queue[i].prepares)
            connection->results[connection->result_count++] = result;
        else
            PQclear(result);
    }
    connection->queued = 0;
    return status;
}

size_t neapi_pg_well(const neapi_pg_connection *connection)
{
    size_t count = 0;
    while (count < connection->result_count && is_good(connection->results[count]))
        count++;
    return count;
}

PGresult *neapi_pg_result(const neapi_pg_connection *connection, size_t n)
{
    return connection->results[n];
}

/* What was idle may have been lost long ago, as by a restart of the server; reading does no harm
 * twice. */
static neap_status ask(neapi_pg_connection *connection, neapi_pg_sql sql, const char *text,
                       const neapi_pg_params *params, PGresult **result, neap_error *error)
{
    neap_status status = NEAP_UNAVAILABLE;
    bool again = connection->pg != NULL;
    do {
        status = neapi_pg_begin(connection, error);
        if (status != NEAP_OK)
            return status;
        if (text != NULL)
            neapi_pg_queue_text(connection, text, params);
        else
            neapi_pg_queue(connection, sql, params);
        status = neapi_pg_run(connection, error);
    } while (connection->lost && again && !(again = false));
    if (status == NEAP_OK)
        *result = connection->results[0];
    return status;
}

neap_status neapi_pg_ask(neapi_pg_connection *connection, neapi_pg_sql sql,
                         const neapi_pg_params *params, PGresult **result, neap_error *error)
{
    return ask(connection, sql, NULL, params, result, error);
}

neap_status neapi_pg_ask_text(neapi_pg_connection *connection, const char *sql,
                              const neapi_pg_params *params, PGresult **result, neap_error *error)
{
    return ask(connection, NEAPI_PG_SQL_COUNT, sql, params, result, error);
}

/* What was queued and not sent is sent first: the answers have to come in order. */
void neapi_pg_rollback(neapi_pg_connection *connection)
{
    neap_error error;
    if (connection->pg != NULL && connection->queued != 0)
        neapi_pg_run(connection, &error);
    clear_results(connection);
    if (connection->pg == NULL || PQtransactionStatus(connection->pg) == PQTRANS_IDLE)
        return;
    neapi_pg_queue_text(connection, "ROLLBACK", NULL);
    if (neapi_pg_run(connection, &error) != NEAP_OK)
        disconnect(connection);
    clear_results(connection);
}
