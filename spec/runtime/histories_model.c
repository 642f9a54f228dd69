#include "runtime/histories_model.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "runtime/checkpoint.h"

#define MOST 40000 /* changes */

typedef struct change {
    uint64_t position;
    unsigned history, key;
    unsigned before; /* the one before of the same document; 0: none */
    document after;
} change;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static change changes[MOST + 1]; /* from 1 */
static unsigned count, newest[AT_ONCE][KEYS];
static uint64_t checkpoints;
static char finding[400];

void model_begin(void)
{
    pthread_mutex_lock(&mutex);
    count = 0;
    memset(newest, 0, sizeof newest);
    pthread_mutex_unlock(&mutex);
}

void model_change(uint64_t position, unsigned history, unsigned key, const document *changed)
{
    pthread_mutex_lock(&mutex);
    if (count == MOST)
        abort();
    changes[++count] = (change){position, history, key, newest[history][key], *changed};
    newest[history][key] = count;
    pthread_mutex_unlock(&mutex);
}

static document at_locked(uint64_t position, unsigned history, unsigned key)
{
    unsigned at = newest[history][key];
    while (at != 0 && changes[at].position > position)
        at = changes[at].before;
    return at != 0 ? changes[at].after : (document){0};
}

document model_at(uint64_t position, unsigned history, unsigned key)
{
    pthread_mutex_lock(&mutex);
    document found = at_locked(position, history, key);
    pthread_mutex_unlock(&mutex);
    return found;
}

size_t model_write(const document *of, char *json, size_t size)
{
    size_t used = 0;
    if (of->count != 0)
        used += (size_t)snprintf(json, size, ",\"count\":%u", of->count);
    if (of->moved)
        used += (size_t)snprintf(json + used, size - used, ",\"moves\":%ld", of->moves);
    if (of->name[0] != '\0')
        used += (size_t)snprintf(json + used, size - used, ",\"name\":\"%s\"", of->name);
    if (of->count != 0)
        used += (size_t)snprintf(json + used, size - used, ",\"sum\":%ld", of->sum);
    if (used == 0)
        return 0;
    json[0] = '{';
    used += (size_t)snprintf(json + used, size - used, "}");
    return used;
}

/* ---- At every checkpoint --------------------------------------------------------------------- */

/* A unit that moves a checkpoint. */
typedef struct moved {
    const neapi_unit *unit;
    char collection[24];
    unsigned partition, partitions;
    uint64_t from, to;
} moved;

static void found_wrong(const moved *it, unsigned history, unsigned key, neap_text data,
                        const document *wanted)
{
    char json[160] = "nothing";
    model_write(wanted, json, sizeof json);
    if (finding[0] == '\0')
        snprintf(finding, sizeof finding, "%u-%u of %s is %.*s at checkpoint %llu, not %s", history,
                 key, it->collection, NEAPI_TEXT(data), (unsigned long long)it->to, json);
}

static const neapi_document *written(const moved *it, neap_text key)
{
    for (size_t i = 0; i < it->unit->op_count; i++) {
        const neapi_document *one = &it->unit->ops[i].document;
        if (it->unit->ops[i].kind == NEAPI_OP_DOCUMENT && neapi_text_equal(one->key, key) &&
            neapi_text_equal(one->collection, neapi_text_of(it->collection)))
            return one;
    }
    return NULL;
}

static void check_document(const moved *it, unsigned history, unsigned key)
{
    char name[16], before[160] = "", wanted[160] = "";
    snprintf(name, sizeof name, "%u-%u", history, key);
    if (neapi_partition_of(neapi_text_of(name), it->partitions) != it->partition)
        return;
    document then = at_locked(it->from, history, key), now = at_locked(it->to, history, key);
    model_write(&then, before, sizeof before);
    model_write(&now, wanted, sizeof wanted);
    const neapi_document *one = written(it, neapi_text_of(name));
    neap_text data = one != NULL && one->write == NEAPI_DOCUMENT_PUT
                         ? one->data
                         : neapi_text_of(one != NULL ? "" : before);
    if (!neapi_text_equal(data, neapi_text_of(wanted)))
        found_wrong(it, history, key, data, &now);
}

static void check_moved(const moved *it)
{
    checkpoints++;
    for (unsigned i = count; i != 0 && changes[i].position > it->from; i--)
        if (changes[i].position <= it->to)
            check_document(it, changes[i].history, changes[i].key);
}

static bool is_moved(const neapi_document *one, moved *it)
{
    neapi_checkpoint from, to;
    char key[40], name[16];
    unsigned build;
    snprintf(key, sizeof key, "%.*s", NEAPI_TEXT(one->key));
    if (one->write != NEAPI_DOCUMENT_PUT || one->expected.size == 0 ||
        !neapi_text_equal(one->collection, NEAPI_CHECKPOINTS) ||
        sscanf(key, "%15[^@]@%u/%u", name, &build, &it->partition) != 3 ||
        (strcmp(name, "one") != 0 && strcmp(name, "many") != 0))
        return false;
    if (neapi_checkpoint_read(one->expected, &from, NULL) != NEAP_OK ||
        neapi_checkpoint_read(one->data, &to, NULL) != NEAP_OK)
        return false;
    snprintf(it->collection, sizeof it->collection, "%s@%u", name, build);
    it->partitions = strcmp(name, "many") == 0 ? 3 : 1;
    it->from = from.position;
    it->to = to.position;
    return true;
}

void model_check_unit(const neapi_unit *unit)
{
    moved it = {.unit = unit};
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < unit->op_count; i++)
        if (unit->ops[i].kind == NEAPI_OP_DOCUMENT && is_moved(&unit->ops[i].document, &it))
            check_moved(&it);
    pthread_mutex_unlock(&mutex);
}

const char *model_finding(void)
{
    return finding[0] != '\0' ? finding : NULL;
}

uint64_t model_checkpoints(void)
{
    return checkpoints;
}
