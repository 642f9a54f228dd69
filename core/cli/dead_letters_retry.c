/* neap dead-letters retry: has them handled, and says what came of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dead_letters.h"
#include "domain.h"
#include "output.h"
#include "request.h"

#define QUEUE "$queue"

typedef enum outcome { GONE, FAILED, WAITS, QUEUED } outcome;

typedef struct one {
    char *key, *subscription;
    neap_uuid id;
    outcome outcome;
} one;

/* Those that are meant, by their keys. */
typedef struct meant {
    const char *letter; /* NULL: all */
    char *stream;       /* the letter's; NULL: it is not known */
    one *all;
    size_t count, capacity;
} meant;

static void fini(meant *it)
{
    for (size_t i = 0; i < it->count; i++) {
        free(it->all[i].key);
        free(it->all[i].subscription);
    }
    free(it->all);
    free(it->stream);
}

static bool is(const neap_dead_letter *letter, const char *wanted)
{
    char name[40];
    cli_letter_name(letter, name);
    return strcmp(name, wanted) == 0;
}

static neap_status nomem(neap_error *error)
{
    return cli_fail(error, NEAP_NOMEM, "out of memory");
}

static neap_status find_stream(void *user, const neap_dead_letter *letter, neap_error *error)
{
    meant *it = user;
    if (it->stream != NULL || !is(letter, it->letter))
        return NEAP_OK;
    it->stream = strdup(letter->stream.data);
    return it->stream != NULL ? NEAP_OK : nomem(error);
}

static neap_status take(void *user, const neap_dead_letter *letter, neap_error *error)
{
    meant *it = user;
    bool wanted = it->letter == NULL || is(letter, it->letter) ||
                  (it->stream[0] != '\0' && strcmp(it->stream, letter->stream.data) == 0);
    if (!wanted)
        return NEAP_OK;
    if (it->count == it->capacity) {
        size_t capacity = it->capacity != 0 ? it->capacity * 2 : 64;
        one *larger = realloc(it->all, capacity * sizeof *larger);
        if (larger == NULL)
            return nomem(error);
        it->all = larger;
        it->capacity = capacity;
    }
    one *added = &it->all[it->count++];
    *added = (one){strdup(letter->key.data), strdup(letter->subscription.data), letter->id, GONE};
    return added->key != NULL && added->subscription != NULL ? NEAP_OK : nomem(error);
}

static int by_key(const void *key, const void *element)
{
    return strcmp(key, ((const one *)element)->key);
}

static neap_status note_left(void *user, const neap_dead_letter *letter, neap_error *error)
{
    const meant *it = user;
    (void)error;
    one *found = it->count != 0
                     ? bsearch(letter->key.data, it->all, it->count, sizeof *it->all, by_key)
                     : NULL;
    if (found != NULL)
        found->outcome = letter->attempts != 0 ? FAILED : WAITS;
    return NEAP_OK;
}

static void note_queued(const meant *it, const neap_queued *queued)
{
    for (size_t i = 0; i < it->count; i++)
        if (memcmp(&it->all[i].id, &queued->id, sizeof queued->id) == 0 &&
            strcmp(it->all[i].subscription, QUEUE) == 0)
            it->all[i].outcome = QUEUED;
}

/* Those of the queue that are there again. */
static neap_status look_into_queue(neap_runtime *runtime, const meant *it, neap_error *error)
{
    char through[256] = "";
    neap_status status = NEAP_OK;
    for (bool last = false; status == NEAP_OK && !last;) {
        const neap_queue *queue;
        status = neap_queue_read(runtime, through[0] != '\0' ? through : NULL, 500, &queue, error);
        if (status != NEAP_OK)
            break;
        for (const neap_queued *each = queue->first; each != NULL; each = each->next)
            note_queued(it, each);
        last = queue->last;
        snprintf(through, sizeof through, "%s", queue->through);
        neap_queue_free(queue);
    }
    return status;
}

/* Of the subscription that begins at `from`: returns where the next one does. */
static size_t say_one(const meant *it, size_t from, bool *failed)
{
    static const char *const words[][2] = {
        [GONE] = {"handled", "done"},
        [FAILED] = {"failed again", "a dead letter still"},
        [WAITS] = {"waiting behind", "waiting"},
        [QUEUED] = {"waiting", "to be tried again later"},
    };
    const char *name = it->all[from].subscription;
    uint64_t counts[QUEUED + 1] = {0};
    char text[200] = "";
    size_t used = 0, i = from;
    bool is_queue = strcmp(name, QUEUE) == 0;
    for (; i < it->count && strcmp(it->all[i].subscription, name) == 0; i++)
        counts[it->all[i].outcome]++;
    for (int each = GONE; each <= QUEUED; each++)
        if (counts[each] != 0 || each == GONE)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 " %s",
                                     used != 0 ? ", " : "", counts[each], words[each][is_queue]);
    cli_say("%s: %s", name, text);
    *failed = *failed || counts[FAILED] + counts[WAITS] != 0;
    return i;
}

static int say_all(const meant *it)
{
    bool failed = false;
    if (it->count == 0)
        cli_say("there are no dead letters");
    for (size_t i = 0; i < it->count;)
        i = say_one(it, i, &failed);
    return failed ? CLI_FAILED : CLI_DONE;
}

static neap_status retry(neap_runtime *runtime, const char *subscription, const char *letter,
                         neap_error *error)
{
    if (subscription != NULL && strcmp(subscription, QUEUE) != 0)
        return neap_retry_dead_letters(runtime, subscription,
                                       letter != NULL ? strtoull(letter, NULL, 10) : 0, error);
    neap_status status = subscription != NULL
                             ? neap_retry_dead_commands(runtime, letter, NULL, error)
                             : neap_retry_dead_letters(runtime, NULL, 0, error);
    return status == NEAP_OK ? neap_drain(runtime, 0, error) : status;
}

static neap_status collect(const cli_letters_source *from, meant *it, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (it->letter != NULL)
        status = cli_letters_walk(from, find_stream, it, error);
    if (status == NEAP_OK && it->letter != NULL && it->stream == NULL)
        status = cli_fail(error, NEAP_UNKNOWN, "'%s' has no dead letter %s", from->subscription,
                          it->letter);
    return status == NEAP_OK ? cli_letters_walk(from, take, it, error) : status;
}

int cli_letters_retry(const char *domain, const char *store, const char *subscription,
                      const char *letter)
{
    neap_error error;
    cli_letters_source from = {.subscription = subscription};
    meant it = {.letter = letter};
    const char *only =
        subscription != NULL && strcmp(subscription, QUEUE) != 0 ? subscription : NULL;
    int status = cli_domain_open_some(domain, store, only, &from.runtime);
    if (status != CLI_DONE)
        return status;
    neap_status tried = collect(&from, &it, &error);
    if (tried == NEAP_OK && it.count != 0)
        tried = retry(from.runtime, subscription, letter, &error);
    if (tried == NEAP_OK && it.count != 0)
        tried = cli_letters_walk(&from, note_left, &it, &error);
    if (tried == NEAP_OK && it.count != 0 && only == NULL)
        tried = look_into_queue(from.runtime, &it, &error);
    neap_close(from.runtime);
    if (tried == NEAP_OK)
        status = say_all(&it);
    else
        cli_complain_error(&error);
    fini(&it);
    return tried == NEAP_OK ? status : cli_exit_status(tried);
}
