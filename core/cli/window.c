#include "window.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "stop.h"

#define SLOTS      4096
#define SLOT_BYTES ((size_t)64 * 1024 * 1024)

struct cli_slot {
    cli_window *window;
    uint64_t line;
    size_t bytes;       /* of input that is under way for it */
    size_t data_column; /* bytes of the line before the command's data */
    char *command;      /* JSON; NULL: the line names none */
    bool answered;
    neap_status status;
    neap_reply *reply;
    bool unknown; /* it may have taken effect */
    char *error;  /* JSON; NULL with a status that is not OK: there was no memory for it */
};

struct cli_window {
    pthread_mutex_t mutex;
    pthread_cond_t room;   /* a slot was printed */
    pthread_cond_t answer; /* the oldest slot was answered, or nothing more will come */
    pthread_t printer;
    uint64_t oldest, next; /* slots oldest … next - 1 are taken */
    size_t bytes;
    bool closing;
    cli_counts counts; /* the printer's */
    cli_slot slots[SLOTS];
};

/* What can be said without memory. */
static void print_plain_error(const cli_slot *slot)
{
    cli_out_format("{\"code\":\"%s\",\"message\":\"there was no memory to say more\"%s}",
                   neap_status_name(slot->status), slot->unknown ? ",\"outcome\":\"unknown\"" : "");
}

static bool print_slot(const cli_slot *slot)
{
    cli_out_format("{\"ok\":%s,\"line\":%" PRIu64, slot->status == NEAP_OK ? "true" : "false",
                   slot->line);
    if (slot->command != NULL) {
        cli_out_text(",\"command\":");
        cli_out_text(slot->command);
    }
    if (slot->status == NEAP_OK) {
        size_t size;
        const char *receipt = neap_reply_json(slot->reply, &size);
        cli_out_text(size > 2 ? "," : "");
        cli_out(receipt + 1, size - 1);
    } else {
        cli_out_text(",\"error\":");
        if (slot->error != NULL)
            cli_out_text(slot->error);
        else
            print_plain_error(slot);
        cli_out_text("}");
    }
    return cli_out_text("\n");
}

static void count(cli_counts *counts, const cli_slot *slot)
{
    switch (slot->status) {
    case NEAP_OK: {
        const neap_receipt *receipt = neap_reply_receipt(slot->reply);
        counts->done++;
        counts->repeated += receipt != NULL && receipt->repeated;
        break;
    }
    case NEAP_REJECTED:
    case NEAP_INVALID:
    case NEAP_UNKNOWN:
    case NEAP_CONFLICT:
    case NEAP_DUPLICATE:
    case NEAP_USAGE: /* a key, or an id, that cannot be one */
        counts->refused++;
        break;
    case NEAP_STORE:
    case NEAP_CORRUPT:
        counts->store_failed++;
        counts->failed++;
        break;
    default:
        counts->failed++;
        break;
    }
}

static bool is_answered(const cli_window *window)
{
    return window->oldest < window->next && window->slots[window->oldest % SLOTS].answered;
}

/* Moves the oldest slot out once it was answered; false: everything was printed, and nothing more
 * will come. Output is flushed before the thread sleeps, not while there is more to print. */
static bool take_answered(cli_window *window, cli_slot *taken)
{
    bool flushed = false;
    pthread_mutex_lock(&window->mutex);
    while (!is_answered(window) && !(window->closing && window->oldest == window->next)) {
        if (flushed) {
            pthread_cond_wait(&window->answer, &window->mutex);
            continue;
        }
        pthread_mutex_unlock(&window->mutex);
        if (!cli_out_flush())
            cli_stop_request();
        flushed = true;
        pthread_mutex_lock(&window->mutex);
    }
    bool found = is_answered(window);
    if (found) {
        *taken = window->slots[window->oldest++ % SLOTS];
        window->bytes -= taken->bytes;
        pthread_cond_signal(&window->room);
    }
    pthread_mutex_unlock(&window->mutex);
    return found;
}

static void *print_all(void *user)
{
    cli_window *window = user;
    cli_slot slot;
    while (take_answered(window, &slot)) {
        /* Who cannot give receipts any more takes no more commands. */
        if (!print_slot(&slot))
            cli_stop_request();
        count(&window->counts, &slot);
        neap_reply_free(slot.reply);
        neap_free(slot.command);
        neap_free(slot.error);
    }
    return NULL;
}

cli_window *cli_window_open(void)
{
    cli_window *window = calloc(1, sizeof *window);
    if (window == NULL)
        return NULL;
    pthread_mutex_init(&window->mutex, NULL);
    pthread_cond_init(&window->room, NULL);
    pthread_cond_init(&window->answer, NULL);
    if (pthread_create(&window->printer, NULL, print_all, window) != 0) {
        free(window);
        return NULL;
    }
    return window;
}

cli_counts cli_window_close(cli_window *window)
{
    pthread_mutex_lock(&window->mutex);
    window->closing = true;
    pthread_cond_signal(&window->answer);
    pthread_mutex_unlock(&window->mutex);
    pthread_join(window->printer, NULL);
    cli_counts counts = window->counts;
    pthread_cond_destroy(&window->answer);
    pthread_cond_destroy(&window->room);
    pthread_mutex_destroy(&window->mutex);
    free(window);
    return counts;
}

static bool has_room(const cli_window *window, size_t bytes)
{
    return window->oldest == window->next ||
           (window->next - window->oldest < SLOTS && window->bytes + bytes <= SLOT_BYTES);
}

cli_slot *cli_window_take(cli_window *window, uint64_t line, size_t bytes)
{
    pthread_mutex_lock(&window->mutex);
    while (!has_room(window, bytes))
        pthread_cond_wait(&window->room, &window->mutex);
    cli_slot *slot = &window->slots[window->next++ % SLOTS];
    *slot = (cli_slot){.window = window, .line = line, .bytes = bytes};
    window->bytes += bytes;
    pthread_mutex_unlock(&window->mutex);
    return slot;
}

void cli_slot_name(cli_slot *slot, const char *command, size_t data_column)
{
    slot->data_column = data_column;
    if (neap_json_quote(command, strlen(command), &slot->command, NULL, NULL) != NEAP_OK)
        slot->command = NULL;
}

/* The error's place in the input, instead of its place in the command's data. A message that ends
 * with the place is changed with it. */
static void place_error(neap_error *error, uint64_t line, size_t data_column)
{
    char place[64];
    snprintf(place, sizeof place, " (line %u, column %u)", error->line, error->column);
    error->column += (uint32_t)data_column;
    error->line = line < UINT32_MAX ? (uint32_t)line : UINT32_MAX;
    size_t size = strlen(error->message), place_size = strlen(place);
    if (size < place_size || strcmp(error->message + size - place_size, place) != 0)
        return;
    size -= place_size;
    snprintf(error->message + size, sizeof error->message - size, " (line %u, column %u)",
             error->line, error->column);
}

static char *error_json(const cli_slot *slot, const neap_error *error)
{
    neap_error placed = *error;
    if (placed.line != 0)
        place_error(&placed, slot->line, slot->data_column);
    char *json;
    size_t size;
    return neap_error_json(&placed, &json, &size) == NEAP_OK ? json : NULL;
}

void cli_slot_answer(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    cli_slot *slot = user;
    cli_window *window = slot->window;
    char *json = status != NEAP_OK ? error_json(slot, error) : NULL;
    pthread_mutex_lock(&window->mutex);
    slot->status = status;
    slot->reply = reply;
    slot->error = json;
    slot->unknown = status != NEAP_OK && error->outcome_unknown;
    slot->answered = true;
    if (is_answered(window))
        pthread_cond_signal(&window->answer);
    pthread_mutex_unlock(&window->mutex);
}
