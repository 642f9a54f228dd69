#include "template.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "lexer.h"

#define PARAMETERS_MOST 65535 /* the protocol counts no further */

/* What is translated. */
typedef struct translation {
    neapi_pg_template *template;
    const neapi_statement *given;
    bool after_string; /* nothing but blanks since: what follows goes on with it */
    char *why;
    size_t room;
} translation;

void neapi_pg_template_fini(neapi_pg_template *template)
{
    neapi_buffer_fini(&template->run);
    neapi_buffer_fini(&template->check);
}

static void put(neapi_pg_template *template, neap_text text)
{
    neapi_buffer_text(&template->run, text);
    neapi_buffer_text(&template->check, text);
}

/* ---- Placeholders ---------------------------------------------------------------------------- */

void neapi_pg_table_text(neapi_buffer *sql, neap_text name, uint32_t build)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        neapi_buffer_byte(sql, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
    }
    neapi_buffer_format(sql, "@%" PRIu32, build);
}

static bool is_name(neap_text name)
{
    for (size_t i = 0; i < name.size; i++)
        if ((name.data[i] & 0x80) != 0 || name.data[i] == '$')
            return false;
    return name.size != 0 && (name.data[0] < '0' || name.data[0] > '9');
}

static bool put_table(translation *at, neap_text token, neap_text rest)
{
    neapi_pg_template *template = at->template;
    neap_text name = neapi_text(token.data + 1, token.size < 2 ? 0 : token.size - 2);
    if (token.data[token.size - 1] != '}' || !is_name(name)) {
        snprintf(at->why, at->room, "\"%.*s\" names no table; {name} is expected",
                 (int)(rest.size < 30 ? rest.size : 30), rest.data);
        return false;
    }
    size_t before = template->run.size;
    neapi_buffer_byte(&template->run, '"');
    neapi_pg_table_text(&template->run, name, at->given->build);
    neapi_buffer_byte(&template->run, '"');
    if (template->run.size - before > NEAPI_PG_NAME_BYTES + 2) {
        snprintf(at->why, at->room, "{%.*s} is too long: with its build it has more than %d bytes",
                 NEAPI_TEXT(name), NEAPI_PG_NAME_BYTES);
        return false;
    }
    if (!template->run.failed)
        neapi_buffer_append(&template->check, template->run.data + before,
                            template->run.size - before);
    return true;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

static bool put_parameter(translation *at, uint32_t number)
{
    static const char *const nulls[] = {
        [NEAPI_VALUE_NULL] = "(NULL)",          [NEAPI_VALUE_INTEGER] = "(NULL::bigint)",
        [NEAPI_VALUE_FLOAT] = "(NULL::float8)", [NEAPI_VALUE_BOOLEAN] = "(NULL::boolean)",
        [NEAPI_VALUE_TEXT] = "(NULL::text)",    [NEAPI_VALUE_BLOB] = "(NULL::bytea)",
    };
    neapi_pg_template *template = at->template;
    size_t wanted = number != 0 ? number : template->parameters + 1;
    if (wanted > PARAMETERS_MOST) {
        snprintf(at->why, at->room, "it has more than %d parameters", PARAMETERS_MOST);
        return false;
    }
    if (wanted > template->parameters)
        template->parameters = wanted;
    neapi_buffer_format(&template->run, "$%zu", wanted);
    const char *null = wanted <= at->given->value_count ? nulls[at->given->values[wanted - 1].kind]
                                                        : nulls[NEAPI_VALUE_NULL];
    neapi_buffer_text(&template->check, neapi_text_of(null));
    return true;
}

/* ---- Words and texts ------------------------------------------------------------------------- */

static bool is_word(neap_text text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

static void note_word(neapi_pg_template *template, const neapi_pg_token *token)
{
    bool word = token->kind == NEAPI_PG_TOKEN_WORD;
    size_t at = template->words++;
    if (at < sizeof template->first / sizeof *template->first && word &&
        token->text.size < sizeof *template->first)
        for (size_t i = 0; i < token->text.size; i++) {
            char c = token->text.data[i];
            template->first[at][i] = c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
        }
    if (word && (is_word(token->text, "SELECT") || is_word(token->text, "EXECUTE") ||
                 (at > 1 && is_word(token->text, "TABLE"))))
        template->selects = true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether a date made of the text would be another one each day. */
static bool tells_time(neap_text text)
{
    static const char *const moments[] = {"now", "today", "tomorrow", "yesterday"};
    for (size_t at = 0, end; at<text.size; at = end> at ? end : at + 1) {
        for (end = at; end < text.size && is_letter(text.data[end]);)
            end++;
        for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
            if (is_word(neapi_text(text.data + at, end - at), moments[i]))
                return true;
    }
    return false;
}

static void note_string(translation *at, const neapi_pg_token *token)
{
    neapi_pg_template *template = at->template;
    template->may_tell =
        template->may_tell || at->after_string || token->escapes || tells_time(token->text);
}

/* ---- Statements ------------------------------------------------------------------------------ */

static bool put_token(translation *at, const neapi_pg_token *token, neap_text rest)
{
    if (token->kind != NEAPI_PG_TOKEN_BLANK)
        note_word(at->template, token);
    if (token->kind == NEAPI_PG_TOKEN_STRING)
        note_string(at, token);
    if (token->kind != NEAPI_PG_TOKEN_BLANK)
        at->after_string = token->kind == NEAPI_PG_TOKEN_STRING;
    switch (token->kind) {
    case NEAPI_PG_TOKEN_BRACE:
        return put_table(at, token->text, rest);
    case NEAPI_PG_TOKEN_PARAMETER:
        return put_parameter(at, token->number);
    case NEAPI_PG_TOKEN_QUESTION:
        put(at->template, NEAPI_LITERAL("?"));
        return true;
    default:
        put(at->template, token->text);
        return true;
    }
}

static void begin(neapi_pg_template *template)
{
    neapi_buffer_clear(&template->run);
    neapi_buffer_clear(&template->check);
    memset(template->first, 0, sizeof template->first);
    template->words = template->parameters = 0;
    template->selects = template->may_tell = false;
}

bool neapi_pg_translate(neapi_pg_template *template, const neapi_statement *given, size_t *at,
                        char *why, size_t room)
{
    translation going = {.template = template, .given = given, .why = why, .room = room};
    neap_text text = given->text;
    begin(template);
    if (memchr(text.data, '\0', text.size) != NULL || !neapi_utf8_valid(text.data, text.size)) {
        snprintf(why, room, "the text has a zero byte, or is not UTF-8");
        return false;
    }
    for (;;) {
        neapi_pg_token token = neapi_pg_token_at(text, *at);
        neap_text rest = neapi_text(text.data + *at, text.size - *at);
        *at += token.kind == NEAPI_PG_TOKEN_END ? 0 : token.text.size;
        if (token.kind == NEAPI_PG_TOKEN_END || token.kind == NEAPI_PG_TOKEN_SEMICOLON)
            return true;
        if (!put_token(&going, &token, rest))
            return false;
    }
}
