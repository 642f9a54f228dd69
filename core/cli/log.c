#include "log.h"

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "output.h"

static bool as_json;
static neap_log_level least = NEAP_LOG_INFO;

static int take_level(const cli_command *command, const char *given)
{
    for (neap_log_level level = NEAP_LOG_DEBUG; level <= NEAP_LOG_ERROR; level++) {
        if (strcmp(given, neap_log_level_name(level)) == 0) {
            least = level;
            return CLI_GO_ON;
        }
    }
    return cli_usage(command, "--log-level takes debug, info, warn or error, not '%s'", given);
}

int cli_log_take(const cli_command *command, const cli_log_options *log)
{
    if (log->format != NULL && strcmp(log->format, "json") != 0 && strcmp(log->format, "text") != 0)
        return cli_usage(command, "--log-format takes text or json, not '%s'", log->format);
    as_json = log->format != NULL && strcmp(log->format, "json") == 0;
    return log->level != NULL ? take_level(command, log->level) : CLI_GO_ON;
}

static void write_json(const neap_log_record *record)
{
    char *json;
    size_t size;
    if (neap_log_record_json(record, &json, &size, NULL) != NEAP_OK)
        return;
    fprintf(stderr, "%s\n", json);
    neap_free(json);
}

static void hear(void *user, const neap_log_record *record)
{
    (void)user;
    if (as_json)
        write_json(record);
    else if (record->level == NEAP_LOG_ERROR)
        cli_complain("%s", record->message);
    else if (record->level == NEAP_LOG_WARN)
        cli_warn("%s", record->message);
    else
        cli_say("%s", record->message);
}

void cli_log_connect(neap_options *options)
{
    options->log_record = hear;
    options->log_level = least;
}

bool cli_log_words(neap_log_level level, const char *text)
{
    if (!as_json)
        return false;
    const neap_log_record record = {.size = sizeof record, .level = level, .message = text};
    write_json(&record);
    return true;
}
