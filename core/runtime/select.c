#include "runtime/select.h"

#include <math.h>

#include "base/error.h"
#include "base/text.h"
#include "message/object.h"
#include "message/skip.h"
#include "runtime/host_reading.h"
#include "runtime/options.h"
#include "runtime/subscribed.h"

#define MOST_PARAMETERS 200

/* ---- What is asked --------------------------------------------------------------------------- */

typedef struct bound {
    neapi_value values[MOST_PARAMETERS];
    size_t count;
    neapi_arena arena; /* of texts with escapes */
} bound;

static bool read_text(neapi_scan *scan, bound *it, neapi_value *value)
{
    neap_text raw;
    bool escaped;
    if (!neapi_scan_string(scan, &raw, &escaped))
        return false;
    *value = (neapi_value){.kind = NEAPI_VALUE_TEXT, .bytes = raw};
    if (escaped) {
        char *text = neapi_arena_alloc(&it->arena, raw.size);
        if (text == NULL)
            return neapi_scan_fail_nomem(scan);
        value->bytes = neapi_text(text, neapi_unescape(raw, text));
    }
    return true;
}

static bool read_number(neapi_scan *scan, neapi_value *value)
{
    neapi_number number;
    if (!neapi_scan_number(scan, &number))
        return false;
    if (number.is_float)
        *value = (neapi_value){.kind = NEAPI_VALUE_FLOAT, .number = number.real};
    else
        *value = (neapi_value){.kind = NEAPI_VALUE_INTEGER, .integer = number.integer};
    return true;
}

static bool read_value(neapi_scan *scan, bound *it, neapi_value *value)
{
    int first = neapi_scan_peek(scan);
    *value = (neapi_value){.kind = NEAPI_VALUE_NULL};
    switch (first) {
    case '"':
        return read_text(scan, it, value);
    case 'n':
        return neapi_scan_word(scan, "null", 4);
    case 't':
        *value = (neapi_value){.kind = NEAPI_VALUE_BOOLEAN, .integer = 1};
        return neapi_scan_word(scan, "true", 4);
    case 'f':
        *value = (neapi_value){.kind = NEAPI_VALUE_BOOLEAN, .integer = 0};
        return neapi_scan_word(scan, "false", 5);
    default:
        if (first == '-' || (first >= '0' && first <= '9'))
            return read_number(scan, value);
        return neapi_scan_fail(scan, scan->at, "expected a text, a number, true, false or null");
    }
}

static bool read_list(neapi_scan *scan, bound *it)
{
    bool done = false;
    if (!neapi_scan_separator(scan, '[', "expected a list of parameters"))
        return false;
    if (neapi_scan_peek(scan) == ']') {
        scan->at++;
        return neapi_scan_end(scan);
    }
    do {
        if (it->count == MOST_PARAMETERS)
            return neapi_scan_fail(scan, scan->at, "a statement has at most 200 parameters");
        if (!read_value(scan, it, &it->values[it->count]))
            return false;
        it->count++;
    } while (neapi_scan_more(scan, ']', &done));
    return done && neapi_scan_end(scan);
}

static neap_status read_parameters(neap_text json, bound *it, neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, 1);
    it->count = 0;
    it->arena = NEAPI_ARENA_INIT;
    if (json.size == 0 || read_list(&scan, it))
        return NEAP_OK;
    neap_status status = neapi_scan_report(&scan, error);
    neapi_error_prefix(error, "parameters");
    return status;
}

/* Which build's tables. Errors: NEAP_USAGE, it has none. */
static neap_status live_build(const neap_runtime *runtime, neapi_session *session,
                              neap_text projection, uint32_t *build, neap_error *error)
{
    const neapi_subscription *definition;
    neap_status status =
        neapi_catalog_subscription(runtime->catalog, projection, &definition, error);
    if (status != NEAP_OK)
        return status;
    if (definition->kind != NEAPI_PROJECTION || !definition->is_sql)
        return neapi_fail(error, NEAP_USAGE, "%s '%.*s' keeps no rows%s",
                          neapi_subscription_kind_name(definition->kind), NEAPI_TEXT(projection),
                          definition->kind == NEAPI_PROJECTION ? ": it has documents, to find and "
                                                                 "list"
                                                               : "");
    return neapi_subscribed_live_build(runtime, session, projection, build, error);
}

/* ---- What is answered ------------------------------------------------------------------------ */

static neap_status check_names(const neapi_result *result, neap_error *error)
{
    for (size_t i = 0; i < result->columns; i++)
        for (size_t other = 0; other < i; other++)
            if (neapi_text_equal(result->names[i], result->names[other]))
                return neapi_fail(error, NEAP_USAGE,
                                  "two columns are called '%.*s': give one another name with AS",
                                  NEAPI_TEXT(result->names[i]));
    return NEAP_OK;
}

static neap_status write_value(neapi_buffer *json, neap_text column, const neapi_value *value,
                               neap_error *error)
{
    const char *what;
    switch (value->kind) {
    case NEAPI_VALUE_INTEGER:
        neapi_write_integer(json, value->integer);
        return NEAP_OK;
    case NEAPI_VALUE_BOOLEAN:
        neapi_buffer_text(json, neapi_text_of(value->integer != 0 ? "true" : "false"));
        return NEAP_OK;
    case NEAPI_VALUE_FLOAT:
        if (isfinite(value->number)) {
            neapi_write_float(json, value->number);
            return NEAP_OK;
        }
        what = "is infinite";
        break;
    case NEAPI_VALUE_TEXT:
        if (neapi_write_text(json, value->bytes))
            return NEAP_OK;
        what = "holds a text that is not UTF-8";
        break;
    default:
        what = "holds bytes: ask for hex() of it";
        break;
    }
    return neapi_fail(error, NEAP_INVALID, "column '%.*s' %s", NEAPI_TEXT(column), what);
}

static neap_status write_rows(neapi_buffer *json, const neapi_result *result, neap_error *error)
{
    neap_status status = NEAP_OK;
    neapi_buffer_byte(json, '[');
    for (size_t row = 0; row < result->rows && status == NEAP_OK; row++) {
        const neapi_value *values = result->values + row * result->columns;
        char before = '{';
        for (size_t i = 0; i < result->columns && status == NEAP_OK; i++) {
            if (values[i].kind == NEAPI_VALUE_NULL)
                continue;
            neapi_write_name(json, before, result->names[i]);
            status = write_value(json, result->names[i], &values[i], error);
            before = ',';
        }
        if (before == '{')
            neapi_buffer_byte(json, '{');
        NEAPI_BUFFER_LITERAL(json, "},");
    }
    neapi_write_end(json, '[');
    return status;
}

neap_status neapi_select_in(const neap_runtime *runtime, neapi_session *session,
                            neap_text projection, neap_text statement, neap_text parameters,
                            neapi_buffer *json, neap_error *error)
{
    bound it;
    neapi_result result = NEAPI_RESULT_INIT;
    neapi_statement asked = {.projection = projection, .text = statement};
    neap_status status = read_parameters(parameters, &it, error);
    if (status == NEAP_OK)
        status = live_build(runtime, session, projection, &asked.build, error);
    asked.values = it.values;
    asked.value_count = it.count;
    if (status == NEAP_OK)
        status = neapi_select(session, &asked, SIZE_MAX, &result, error);
    if (status == NEAP_OK && result.more)
        status = neapi_fail(error, NEAP_LIMIT,
                            "projection %.*s: the rows take more than %d bytes; ask for fewer, "
                            "with WHERE or LIMIT: %.*s",
                            NEAPI_TEXT(projection), NEAPI_RESULT_BYTES, NEAPI_TEXT(statement));
    if (status == NEAP_OK)
        status = check_names(&result, error);
    if (status == NEAP_OK)
        status = write_rows(json, &result, error);
    if (status == NEAP_OK && json->failed)
        status = neapi_nomem(error);
    neapi_result_fini(&result);
    neapi_arena_fini(&it.arena);
    return status;
}

neap_status neapi_lane_select_rows(void *host, neap_text projection, neap_text statement,
                                   neap_text parameters, neapi_buffer *json, neap_error *error)
{
    const neapi_lane *lane = host;
    return neapi_select_in(lane->runtime, lane->session, projection, statement, parameters, json,
                           error);
}

neap_status neap_select(neap_runtime *runtime, const char *projection, const char *statement,
                        const char *parameters, char **json, size_t *size, neap_error *error)
{
    neapi_session *session;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (projection == NULL || statement == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_select: projection, statement and json must not be NULL");
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_select: the runtime is not started");
    neap_status status = neapi_host_session(runtime, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_select_in(runtime, session, neapi_text_of(projection), neapi_text_of(statement),
                             neapi_text_of(parameters), &text, error);
    neapi_host_session_done(runtime);
    return neapi_buffer_give(&text, status, json, size, error);
}
