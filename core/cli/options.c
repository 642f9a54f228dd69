#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "output.h"

typedef struct cli_parser {
    const cli_command *command;
    const cli_option *options;
    size_t option_count;
    const char **operands;
    size_t operand_count;
} cli_parser;

void cli_list_fini(cli_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (cli_list){0};
}

static bool list_add(cli_list *list, const char *text, size_t size)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items == NULL)
        return false;
    list->items = items;
    items[list->count] = strndup(text, size);
    return items[list->count] != NULL && ++list->count > 0;
}

static bool list_add_all(cli_list *list, const char *text)
{
    for (;;) {
        size_t size = strcspn(text, ",");
        if (size != 0 && !list_add(list, text, size))
            return false;
        if (text[size] == '\0')
            return true;
        text += size + 1;
    }
}

static bool read_number(const char *text, uint64_t *number)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *number = value;
    return value > 0;
}

int cli_usage(const cli_command *command, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cli_complain("%s", text);
    cli_say("`neap %s --help` shows how it is used", command->name);
    return CLI_USAGE;
}

static int option_set(const cli_parser *parser, const cli_option *option, const char *value)
{
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)option->target = true;
        return CLI_GO_ON;
    case CLI_TEXT:
        *(const char **)option->target = value;
        return CLI_GO_ON;
    case CLI_NUMBER:
        if (read_number(value, option->target))
            return CLI_GO_ON;
        return cli_usage(parser->command, "--%s takes a whole number from 1, not '%s'",
                         option->name, value);
    case CLI_LIST:
        if (list_add_all(option->target, value))
            return CLI_GO_ON;
        cli_complain("out of memory");
        return CLI_FAILED;
    }
    return CLI_FAILED;
}

static const cli_option *option_find(const cli_parser *parser, const char *name, size_t size)
{
    for (size_t i = 0; i < parser->option_count; i++)
        if (strlen(parser->options[i].name) == size &&
            memcmp(parser->options[i].name, name, size) == 0)
            return &parser->options[i];
    return NULL;
}

static int option_unknown(const cli_parser *parser, const char *argument, size_t size)
{
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", size < 60 ? (int)size : 60, argument);
    cli_nearest nearest = {0};
    const char *bare = typed + strspn(typed, "-");
    for (size_t i = 0; i < parser->option_count; i++)
        cli_nearest_consider(&nearest, bare, parser->options[i].name);
    cli_nearest_consider(&nearest, bare, "help");
    if (nearest.name != NULL)
        return cli_usage(parser->command, "`neap %s` has no option %s; did you mean --%s?",
                         parser->command->name, typed, nearest.name);
    return cli_usage(parser->command, "`neap %s` has no option %s", parser->command->name, typed);
}

static size_t operand_limit(const cli_command *command)
{
    size_t count = 0;
    while (command->operands[count] != NULL)
        count++;
    return count;
}

static void print_option(const char *name, const char *argument, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, argument != NULL ? " " : "",
             argument != NULL ? argument : "");
    cli_out_format("  %-18s  %s\n", left, help);
}

static int print_help(const cli_parser *parser)
{
    const cli_command *command = parser->command;
    cli_out_format("Usage: neap %s", command->name);
    for (size_t i = 0; command->operands[i] != NULL; i++)
        cli_out_format(" %s", command->operands[i]);
    cli_out_format(" [OPTIONS]\n\n%s\n\nOptions\n", command->about);
    for (size_t i = 0; i < parser->option_count; i++)
        print_option(parser->options[i].name, parser->options[i].argument, parser->options[i].help);
    print_option("help", NULL, "this text");
    cli_out_format("\nExample\n%s\n", command->example);
    return CLI_DONE;
}

/* Reads the option that begins at *at; its value may be the next argument. */
static int option_read(const cli_parser *parser, char ***at)
{
    const char *argument = **at;
    size_t size = strcspn(argument, "=");
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        return print_help(parser);
    const cli_option *option =
        argument[1] == '-' ? option_find(parser, argument + 2, size - 2) : NULL;
    if (option == NULL)
        return option_unknown(parser, argument, size);
    const char *value = argument[size] == '=' ? argument + size + 1 : NULL;
    if (option->kind == CLI_FLAG && value != NULL)
        return cli_usage(parser->command, "--%s takes no value", option->name);
    if (option->kind != CLI_FLAG && value == NULL && (*at)[1] != NULL)
        value = *++*at;
    if (option->kind != CLI_FLAG && (value == NULL || value[strspn(value, ",")] == '\0'))
        return cli_usage(parser->command, "--%s needs a value: --%s %s", option->name, option->name,
                         option->argument);
    return option_set(parser, option, value);
}

/* Whether the last operand stands for as many as are given. */
static bool takes_any_number(const cli_command *command)
{
    size_t limit = operand_limit(command);
    return limit != 0 && strstr(command->operands[limit - 1], "…") != NULL;
}

static int operand_read(cli_parser *parser, const char *argument)
{
    if (parser->operand_count >= operand_limit(parser->command) &&
        !takes_any_number(parser->command))
        return cli_usage(parser->command, "`neap %s` does not know what to do with '%s'",
                         parser->command->name, argument);
    parser->operands[parser->operand_count++] = argument;
    return CLI_GO_ON;
}

int cli_parse(const cli_command *command, const cli_option *options, size_t option_count,
              const char **operands, char **arguments)
{
    cli_parser parser = {command, options, option_count, operands, 0};
    size_t limit = operand_limit(command);
    for (size_t i = 0; i < limit; i++)
        operands[i] = NULL;
    bool options_ended = false;
    for (char **at = arguments; *at != NULL; at++) {
        int status = CLI_GO_ON;
        if (options_ended || (*at)[0] != '-' || (*at)[1] == '\0')
            status = operand_read(&parser, *at);
        else if (strcmp(*at, "--") == 0)
            options_ended = true;
        else
            status = option_read(&parser, &at);
        if (status != CLI_GO_ON)
            return status;
    }
    for (size_t i = parser.operand_count; i < limit; i++)
        if (command->operands[i][0] != '[')
            return cli_usage(command, "`neap %s` needs %s", command->name, command->operands[i]);
    return CLI_GO_ON;
}

const char *cli_store_url(const char *option)
{
    const char *environment = getenv("NEAP_STORE");
    if (option != NULL)
        return option;
    return environment != NULL && *environment != '\0' ? environment : "sqlite:neap.db";
}
