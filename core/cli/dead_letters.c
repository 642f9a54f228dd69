/* neap dead-letters: what could not be handled, and what becomes of it. */
#include "dead_letters.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "options.h"
#include "output.h"
#include "table.h"

#define PAGE      500
#define MOST_ROWS 200 /* of the table; a machine reads JSON lines */

void cli_letter_name(const neap_dead_letter *letter, char text[40])
{
    if (letter->position != 0)
        snprintf(text, 40, "%llu", (unsigned long long)letter->position);
    else
        neap_uuid_format(letter->id, text);
}

neap_status cli_letters_walk(const cli_letters_source *from, cli_letter_seen *seen, void *user,
                             neap_error *error)
{
    char through[1024] = "";
    bool last = false;
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && !last) {
        const neap_dead_letter_list *list;
        const char *behind = through[0] != '\0' ? through : NULL;
        status = from->runtime != NULL
                     ? neap_dead_letters_read(from->runtime, from->subscription, behind, PAGE,
                                              &list, error)
                     : neap_store_dead_letters_read(from->store, from->subscription, behind, PAGE,
                                                    &list, error);
        if (status != NEAP_OK)
            break;
        for (const neap_dead_letter *each = list->first; each != NULL && status == NEAP_OK;
             each = each->next)
            status = seen(user, each, error);
        last = list->last;
        snprintf(through, sizeof through, "%s", list->through);
        neap_dead_letter_list_free(list);
    }
    return status;
}

/* ---- list ------------------------------------------------------------------------------------ */

static const char *const columns[] = {"SUBSCRIPTION", "LETTER", "TYPE", "STREAM",
                                      ">ATTEMPTS",    "SINCE",  "ERROR"};

static neap_status add_row(void *user, const neap_dead_letter *letter, neap_error *error)
{
    cli_table *table = user;
    char name[40], since[64];
    (void)error;
    cli_letter_name(letter, name);
    const char *newline = memchr(letter->message.data, '\n', letter->message.size);
    size_t first_line =
        newline != NULL ? (size_t)(newline - letter->message.data) : letter->message.size;
    cli_table_text(table, letter->subscription);
    cli_table_text(table, cli_text(name));
    cli_table_text(table, letter->type);
    cli_table_text(table, letter->stream);
    cli_table_count(table, letter->attempts);
    cli_table_text(table, cli_text(cli_time(since, letter->failed_at)));
    cli_table_text(table, letter->attempts == 0 ? cli_text("(waits behind another)")
                                                : (neap_text){letter->message.data, first_line});
    return NEAP_OK;
}

static neap_status print_line(void *user, const neap_dead_letter *letter, neap_error *error)
{
    (void)user, (void)error;
    cli_out(letter->json.data, letter->json.size);
    cli_out_text("\n");
    return NEAP_OK;
}

static int list(const char *url, const char *subscription, bool json)
{
    cli_letters_source from = {.subscription = subscription};
    neap_error error;
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    int status = cli_store_open(url, &from.store);
    if (status != CLI_DONE)
        return status;
    neap_status walked = json ? cli_letters_walk(&from, print_line, NULL, &error)
                              : cli_letters_walk(&from, add_row, &table, &error);
    neap_store_close(from.store);
    if (table.cell_count != 0)
        cli_table_print(&table, MOST_ROWS);
    if (walked == NEAP_OK)
        return CLI_DONE;
    cli_complain_error(&error);
    return cli_exit_status(walked);
}

/* ---- show ------------------------------------------------------------------------------------ */

typedef struct showing {
    neap_store *store;
    const char *letter; /* which is wanted */
    bool json, found;
    char stream[600]; /* its stream: what else is there of it waits behind */
    uint64_t behind;
} showing;

static neap_status print_event(neap_store *store, uint64_t position, neap_error *error)
{
    neap_filter filter;
    neap_cursor *cursor;
    const neap_event *event;
    const char *json;
    size_t size;
    neap_filter_init(&filter);
    filter.from = filter.to = position;
    neap_status status = neap_store_read(store, &filter, &cursor, error);
    if (status != NEAP_OK)
        return status;
    status = neap_cursor_next(cursor, &event, error);
    if (status == NEAP_OK && event != NULL)
        status = neap_cursor_json(cursor, &json, &size, error);
    if (status == NEAP_OK && event != NULL)
        cli_out(json, size);
    neap_cursor_close(cursor);
    return status;
}

static neap_status print_json(const showing *it, const neap_dead_letter *letter, neap_error *error)
{
    neap_status status = NEAP_OK;
    cli_out_text("{\"letter\":");
    cli_out(letter->json.data, letter->json.size);
    if (letter->position != 0) {
        cli_out_text(",\"event\":");
        status = print_event(it->store, letter->position, error);
    }
    cli_out_text(",\"behind\":[");
    return status;
}

/* Control characters would do something to the terminal. */
static void print_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool harmless = (byte >= ' ' && byte != 127) || byte == '\n' || byte == '\t';
        cli_out(harmless ? text : "?", 1);
    }
    cli_out_text("\n");
}

static void print_field(const char *name, const char *text)
{
    cli_out_format("%-13s", name);
    print_clean(text);
}

static neap_status print_text(const showing *it, const neap_dead_letter *letter, neap_error *error)
{
    char time[64], attempts[128];
    neap_status status = NEAP_OK;
    snprintf(attempts, sizeof attempts, "%u, the last at %s", letter->attempts,
             cli_time(time, letter->failed_at));
    print_field("subscription", letter->subscription.data);
    print_field("letter", it->letter);
    print_field(letter->position != 0 ? "type" : "command", letter->type.data);
    if (letter->stream.size != 0)
        print_field("stream", letter->stream.data);
    if (letter->attempts == 0)
        print_field("attempts", "none: it waits behind another one of its stream");
    else
        print_field("attempts", attempts);
    if (letter->code.size != 0)
        print_field("code", letter->code.data);
    if (letter->message.size != 0)
        print_field("error", letter->message.data);
    if (letter->traceback.size != 0)
        print_clean(letter->traceback.data);
    cli_out_format("%-13s", letter->position != 0 ? "event" : "data");
    if (letter->position != 0)
        status = print_event(it->store, letter->position, error);
    else
        cli_out_text(letter->data.data);
    cli_out_text("\n");
    return status;
}

static void print_behind(showing *it, const neap_dead_letter *letter)
{
    if (it->json)
        cli_out_format("%s%llu", it->behind != 0 ? "," : "", (unsigned long long)letter->position);
    else
        cli_out_format("%-13s%llu %s\n", it->behind == 0 ? "behind it" : "",
                       (unsigned long long)letter->position, letter->type.data);
    it->behind++;
}

static neap_status show_letter(void *user, const neap_dead_letter *letter, neap_error *error)
{
    showing *it = user;
    char name[40];
    cli_letter_name(letter, name);
    if (it->found && letter->attempts == 0 && it->stream[0] != '\0' &&
        strcmp(letter->stream.data, it->stream) == 0)
        print_behind(it, letter);
    if (strcmp(name, it->letter) != 0)
        return NEAP_OK;
    it->found = true;
    snprintf(it->stream, sizeof it->stream, "%s", letter->stream.data);
    return it->json ? print_json(it, letter, error) : print_text(it, letter, error);
}

static int show(const char *url, const char *subscription, const char *letter, bool json)
{
    neap_error error;
    cli_letters_source from = {.subscription = subscription};
    showing it = {.letter = letter, .json = json};
    int status = cli_store_open(url, &from.store);
    if (status != CLI_DONE)
        return status;
    it.store = from.store;
    neap_status shown = cli_letters_walk(&from, show_letter, &it, &error);
    if (shown == NEAP_OK && it.found && json)
        cli_out_text("]}\n");
    neap_store_close(from.store);
    if (shown != NEAP_OK) {
        cli_complain_error(&error);
        return cli_exit_status(shown);
    }
    if (!it.found)
        cli_complain("'%s' has no dead letter %s", subscription, letter);
    return it.found ? CLI_DONE : CLI_FAILED;
}

/* ---- drop ------------------------------------------------------------------------------------ */

static neap_status count_waiting(void *user, const neap_dead_letter *letter, neap_error *error)
{
    (void)error;
    *(uint64_t *)user += letter->attempts == 0;
    return NEAP_OK;
}

/* What still waits behind what was dropped, or behind others. */
static void say_what_waits(const char *url, const char *subscription)
{
    cli_letters_source from = {.subscription = subscription};
    neap_error error;
    uint64_t waiting = 0;
    if (neap_store_open(url, &from.store, &error) != NEAP_OK)
        return;
    if (cli_letters_walk(&from, count_waiting, &waiting, &error) == NEAP_OK && waiting != 0)
        cli_say("%s: %llu event%s still wait%s; `neap dead-letters retry DOMAIN.lua %s` has them "
                "handled",
                subscription, (unsigned long long)waiting, waiting == 1 ? "" : "s",
                waiting == 1 ? "s" : "", subscription);
    neap_store_close(from.store);
}

static int drop(const char *url, const char *subscription, const char *letter)
{
    neap_error error;
    uint64_t count = 0;
    neap_status status = neap_store_drop_dead_letters(url, subscription, letter, &count, &error);
    if (status == NEAP_UNKNOWN || status == NEAP_INVALID) {
        cli_complain_error(&error);
        return CLI_FAILED;
    }
    if (status != NEAP_OK)
        return cli_store_failed(&error);
    cli_say("%s%s%llu dead letter%s dropped", subscription != NULL ? subscription : "",
            subscription != NULL ? ": " : "", (unsigned long long)count, count == 1 ? "" : "s");
    if (letter != NULL)
        say_what_waits(url, subscription);
    return CLI_DONE;
}

/* ---- The command line ------------------------------------------------------------------------ */

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL, *operands[4];
    bool json = false, queue = false, all = false;
    const cli_option options[] = {
        CLI_STORE_OPTION(&url),
        {"queue", CLI_FLAG, &queue, NULL, "commands of the queue, in the place of SUBSCRIPTION"},
        {"all", CLI_FLAG, &all, NULL, "drop, retry: of all subscriptions, and the queue"},
        {"json", CLI_FLAG, &json, NULL, "list: JSON lines also on a terminal; show: as JSON"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    bool retries = strcmp(operands[0], "retry") == 0, shows = strcmp(operands[0], "show") == 0;
    bool lists = strcmp(operands[0], "list") == 0, drops = strcmp(operands[0], "drop") == 0;
    if (!retries && !shows && !lists && !drops)
        return cli_usage(self, "what is '%s'? It is list, show, retry or drop", operands[0]);
    const char *const *names = operands + (retries ? 2 : 1);
    const char *subscription = queue ? "$queue" : names[0];
    const char *letter = queue ? names[0] : names[1];
    const char *over = queue ? names[1] : retries ? NULL : operands[3];
    if (retries && operands[1] == NULL)
        return cli_usage(self, "retry needs DOMAIN.lua, which says how they are handled");
    if (over != NULL || (lists && letter != NULL))
        return cli_usage(self, "'%s' is one too many", over != NULL ? over : letter);
    if (shows && letter == NULL)
        return cli_usage(self, "show needs SUBSCRIPTION, or --queue, and the LETTER");
    if ((drops || retries) && (subscription == NULL) != all)
        return cli_usage(self, all ? "--all means all: it goes with no SUBSCRIPTION"
                                   : "whose? A SUBSCRIPTION, --queue, or --all");
    url = cli_store_url(url);
    if (lists)
        return list(url, subscription, json || !isatty(STDOUT_FILENO));
    if (shows)
        return show(url, subscription, letter, json);
    return drops ? drop(url, subscription, letter)
                 : cli_letters_retry(operands[1], url, subscription, letter);
}

static const char *const operands_of_letters[] = {"ACTION", "[SUBSCRIPTION]", "[LETTER]", "[MORE]",
                                                  NULL};

const cli_command cli_dead_letters_command = {
    .name = "dead-letters",
    .summary = "what could not be handled: lists, shows, retries, drops it",
    .operands = operands_of_letters,
    .about =
        "  list [SUBSCRIPTION]                        prints them, in the order of the log\n"
        "  show SUBSCRIPTION LETTER                   one, with its event, error and traceback\n"
        "  retry DOMAIN.lua SUBSCRIPTION [LETTER]     has all, or those of its stream, handled\n"
        "  drop SUBSCRIPTION [LETTER]                 they are not to be handled\n"
        "\n"
        "A LETTER is the position of an event that a subscriber could not handle. Later events of\n"
        "its stream wait behind it. --queue, in the place of SUBSCRIPTION, means commands that "
        "were\n"
        "sent for later and failed for good; there a LETTER is the command's id. `list` and "
        "`show`\n"
        "may run beside a process that writes; `retry` and `drop` need the store alone: there is\n"
        "runtime:retry_dead_letters() for the other one. `retry` runs nothing else of the domain "
        "but\n"
        "that subscription; with --queue or --all it runs all.\n"
        "\n"
        "Exit status: 0 done; 1 there is no such letter, or some failed again; 2 wrong usage;\n"
        "3 the store could not be used.",
    .example = "  $ neap dead-letters list --store sqlite:shop.db\n"
               "  $ neap dead-letters show mailer 42 --store sqlite:shop.db\n"
               "  $ neap dead-letters retry shop.lua mailer --store sqlite:shop.db\n"
               "  $ neap dead-letters drop --queue --store sqlite:shop.db",
    .run = run,
};
