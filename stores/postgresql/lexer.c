#include "lexer.h"

#include <string.h>

#include "base/text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static bool is_of_word(char c)
{
    return begins_word(c) || is_digit(c) || c == '$';
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char char_at(neap_text text, size_t at)
{
    return at < text.size ? text.data[at] : '\0';
}

/* A quote twice in it is one of the text, and with escapes one behind a backslash, too. */
static size_t behind_quoted(neap_text text, size_t at, bool escapes)
{
    char end = text.data[at];
    for (at++; at < text.size; at++) {
        if (escapes && text.data[at] == '\\')
            at++;
        else if (text.data[at] == end && char_at(text, at + 1) == end)
            at++;
        else if (text.data[at] == end)
            return at + 1;
    }
    return text.size;
}

/* Comments lie within each other. */
static size_t behind_comment(neap_text text, size_t at)
{
    size_t depth = 1;
    if (text.data[at] == '-') {
        while (at < text.size && text.data[at] != '\n')
            at++;
        return at;
    }
    for (at += 2; at < text.size && depth != 0; at++) {
        char c = text.data[at], next = char_at(text, at + 1);
        bool opens = c == '/' && next == '*', closes = c == '*' && next == '/';
        depth = opens ? depth + 1 : closes ? depth - 1 : depth;
        at += opens || closes;
    }
    return at < text.size ? at : text.size;
}

/* $tag$ … $tag$; 0: it is none. */
static size_t behind_dollars(neap_text text, size_t at)
{
    size_t end = at + 1;
    if (is_digit(char_at(text, end)))
        return 0;
    while (end < text.size && is_of_word(text.data[end]) && text.data[end] != '$')
        end++;
    if (char_at(text, end) != '$')
        return 0;
    size_t size = ++end - at;
    for (; end + size <= text.size; end++)
        if (memcmp(text.data + end, text.data + at, size) == 0)
            return end + size;
    return text.size;
}

/* What stands before the quote of a string says what is in it: E'…', U&'…', B'…' and the like. */
static size_t prefix_of(neap_text text, size_t at, neapi_pg_token *token)
{
    char c = (char)(text.data[at] | 0x20), next = char_at(text, at + 1);
    size_t quote = c == 'u' && next == '&' ? at + 2 : at + 1;
    char mark = char_at(text, quote);
    if (c == 'u' && quote == at + 2 && (mark == '\'' || mark == '"')) {
        token->kind = mark == '"' ? NEAPI_PG_TOKEN_QUOTED : NEAPI_PG_TOKEN_STRING;
        token->escapes = true;
        return behind_quoted(text, quote, false);
    }
    if (mark != '\'' || quote != at + 1 || strchr("ebxn", c) == NULL)
        return 0;
    token->kind = NEAPI_PG_TOKEN_STRING;
    token->escapes = c == 'e';
    return behind_quoted(text, quote, c == 'e');
}

static size_t behind_parameter(neap_text text, size_t at, neapi_pg_token *token)
{
    token->kind = NEAPI_PG_TOKEN_PARAMETER;
    for (at++; is_digit(char_at(text, at)); at++)
        if (token->number < 100000) /* more than there may be */
            token->number = token->number * 10 + (uint32_t)(text.data[at] - '0');
    return at;
}

static size_t behind_word(neap_text text, size_t at, neapi_pg_token *token)
{
    size_t end = prefix_of(text, at, token);
    if (end != 0)
        return end;
    token->kind = NEAPI_PG_TOKEN_WORD;
    while (at < text.size && is_of_word(text.data[at]))
        at++;
    return at;
}

static size_t behind_sign(neap_text text, size_t at, neapi_pg_token *token)
{
    char c = text.data[at], next = char_at(text, at + 1);
    if (c == '$' && is_digit(next))
        return behind_parameter(text, at, token);
    if (c == '$') {
        size_t end = behind_dollars(text, at);
        token->kind = end != 0 ? NEAPI_PG_TOKEN_STRING : NEAPI_PG_TOKEN_OTHER;
        return end != 0 ? end : at + 1;
    }
    if (c == '?' && next == '?') {
        token->kind = NEAPI_PG_TOKEN_QUESTION;
        return at + 2;
    }
    if (c == '?')
        return behind_parameter(text, at, token);
    token->kind = c == '{'   ? NEAPI_PG_TOKEN_BRACE
                  : c == ';' ? NEAPI_PG_TOKEN_SEMICOLON
                             : NEAPI_PG_TOKEN_OTHER;
    for (at++; c == '{' && is_of_word(char_at(text, at));)
        at++;
    return c == '{' && char_at(text, at) == '}' ? at + 1 : at;
}

/* A number's letters (1e5) are no word. */
static size_t behind_number(neap_text text, size_t at)
{
    while (at < text.size && is_of_word(text.data[at]))
        at++;
    return at;
}

neapi_pg_token neapi_pg_token_at(neap_text text, size_t at)
{
    neapi_pg_token token = {.kind = NEAPI_PG_TOKEN_END};
    if (at == text.size)
        return token;
    size_t end = at;
    char c = text.data[at], next = char_at(text, at + 1);
    if (is_blank(c) || (c == '-' && next == '-') || (c == '/' && next == '*')) {
        token.kind = NEAPI_PG_TOKEN_BLANK;
        end = is_blank(c) ? at + 1 : behind_comment(text, at);
    } else if (c == '\'' || c == '"') {
        token.kind = c == '"' ? NEAPI_PG_TOKEN_QUOTED : NEAPI_PG_TOKEN_STRING;
        end = behind_quoted(text, at, false);
    } else if (begins_word(c)) {
        end = behind_word(text, at, &token);
    } else if (is_digit(c)) {
        token.kind = NEAPI_PG_TOKEN_OTHER;
        end = behind_number(text, at);
    } else {
        end = behind_sign(text, at, &token);
    }
    token.text = neapi_text(text.data + at, end - at);
    return token;
}
