/* What stands behind the entry that an owner has in hand. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/text.h"
#include "runtime/queue_state.h"

/* ---- What is parked -------------------------------------------------------------------------- */

static bool has_parked(const neapi_owner_line *line)
{
    return line->parked.text[0] != '\0';
}

static void unpark(neapi_owner_line *line)
{
    if (!has_parked(line))
        return;
    line->parked.text[0] = '\0';
    *line->at_parked = line->next_parked;
    if (line->next_parked != NULL)
        line->next_parked->at_parked = line->at_parked;
}

static void park(neapi_queue *queue, neapi_owner_line *line, const neapi_queued_key *key)
{
    if (!has_parked(line)) {
        line->next_parked = queue->parked;
        line->at_parked = &queue->parked;
        if (queue->parked != NULL)
            queue->parked->at_parked = &line->next_parked;
        queue->parked = line;
    } else if (strcmp(line->parked.text, key->text) <= 0) {
        return;
    }
    line->parked = *key;
}

static void free_line(neapi_queue *queue, neapi_owner_line *line)
{
    unpark(line);
    neapi_map_remove(&queue->lines, line->owner);
    neapi_free(line->behind);
    neapi_free(line);
}

void neapi_queue_unpark(neapi_queue *queue, int64_t due_us)
{
    for (neapi_owner_line *line = queue->parked, *next; line != NULL; line = next) {
        int64_t parked_us = 0;
        next = line->next_parked;
        neapi_queued_due_of(neapi_queued_key_text(&line->parked), &parked_us);
        if (parked_us < due_us)
            continue;
        if (line->resting)
            free_line(queue, line);
        else
            unpark(line);
    }
}

/* ---- Lines ----------------------------------------------------------------------------------- */

void neapi_queue_rewind(neapi_queue *queue, int64_t due_us)
{
    char cursor[sizeof queue->cursor.text];
    neapi_queue_unpark(queue, due_us);
    queue->page_is_old = true;
    queue->scanning = true;
    /* Behind all that is due before. */
    snprintf(cursor, sizeof cursor, "%020llu/~", (unsigned long long)(due_us > 0 ? due_us - 1 : 0));
    if (due_us <= 0)
        queue->at_start = true;
    else if (!queue->at_start && strcmp(cursor, queue->cursor.text) < 0)
        memcpy(queue->cursor.text, cursor, sizeof cursor);
}

/* It is not in the list: it is found when what is due then is read again. */
static void leave_for_later(neapi_owner_line *line, const neapi_queued_key *key)
{
    int64_t due_us = 0;
    neapi_queued_due_of(neapi_queued_key_text(key), &due_us);
    if (!line->has_more || due_us < line->more_us)
        line->more_us = due_us;
    line->has_more = true;
}

static bool make_room(neapi_owner_line *line)
{
    if (line->first + line->count < line->capacity)
        return true;
    if (line->first > 0) {
        memmove(line->behind, line->behind + line->first, line->count * sizeof *line->behind);
        line->first = 0;
        return true;
    }
    size_t capacity = line->capacity != 0 ? line->capacity * 2 : 8;
    neapi_queued_key *larger = neapi_realloc(line->behind, capacity * sizeof *larger);
    if (larger == NULL)
        return false;
    line->behind = larger;
    line->capacity = capacity;
    return true;
}

static void insert(neapi_owner_line *line, const neapi_queued_key *key)
{
    size_t place = line->count;
    const neapi_queued_key *known = line->behind + line->first;
    while (place > 0 && strcmp(known[place - 1].text, key->text) > 0)
        place--;
    if (place > 0 && strcmp(known[place - 1].text, key->text) == 0)
        return;
    if (line->count == NEAPI_QUEUE_BEHIND) {
        if (place == line->count) {
            leave_for_later(line, key);
            return;
        }
        leave_for_later(line, &known[--line->count]);
    }
    if (!make_room(line)) {
        leave_for_later(line, key);
        return;
    }
    neapi_queued_key *keys = line->behind + line->first;
    memmove(keys + place + 1, keys + place, (line->count - place) * sizeof *keys);
    keys[place] = *key;
    line->count++;
}

bool neapi_queue_line_up(neapi_queue *queue, neap_text owner, neap_text key)
{
    neapi_owner_line *line = neapi_map_get(&queue->lines, owner);
    if (line == NULL)
        return false;
    neapi_queued_key copy;
    memcpy(copy.text, key.data, NEAPI_QUEUED_KEY_BYTES);
    copy.text[NEAPI_QUEUED_KEY_BYTES] = '\0';
    if (line->resting)
        return strcmp(copy.text, line->parked.text) > 0;
    if (strcmp(copy.text, line->parked.text) == 0)
        unpark(line);
    int64_t due_us = 0;
    neapi_queued_due_of(key, &due_us);
    if (line->has_more && due_us >= line->more_us)
        return true; /* behind those that are not in the list */
    insert(line, &copy);
    return true;
}

bool neapi_queue_begin_line(neapi_queue *queue, neapi_in_hand *it)
{
    neap_text owner = it->entry.owner;
    neapi_owner_line *line = neapi_map_get(&queue->lines, owner);
    if (line != NULL) {
        line->resting = false;
        if (strcmp(it->key.text, line->parked.text) == 0)
            unpark(line);
        it->line = line;
        return true;
    }
    line = neapi_alloc(sizeof *line + owner.size);
    if (line == NULL)
        return false;
    *line = (neapi_owner_line){.owner = {(char *)(line + 1), owner.size}};
    memcpy(line + 1, owner.data, owner.size);
    if (!neapi_map_put(&queue->lines, line->owner, line)) {
        neapi_free(line);
        return false;
    }
    it->line = line;
    return true;
}

static void end_line(neapi_queue *queue, neapi_owner_line *line)
{
    bool has_more = line->has_more;
    int64_t more_us = line->more_us;
    free_line(queue, line);
    if (has_more)
        neapi_queue_rewind(queue, more_us);
}

static const neapi_queued_key *first_behind(const neapi_owner_line *line)
{
    return line->count != 0 ? &line->behind[line->first] : NULL;
}

/* Whether the key is read again anyway, behind others that may be of the same owner and due before:
 * only what has been read stands in a line. */
static bool is_to_be_read(const neapi_queue *queue, const neapi_queued_key *key)
{
    int64_t due_us = INT64_MAX;
    neapi_queued_due_of(neapi_queued_key_text(key), &due_us);
    return queue->at_start || strcmp(queue->cursor.text, key->text) < 0 ||
           atomic_load(&queue->told_us) <= due_us;
}

void neapi_queue_leave_line(neapi_queue *queue, neapi_in_hand *it)
{
    if (it->line != NULL)
        park(queue, it->line, &it->key);
}

/* What is known to stand behind what is parked is forgotten: it is read again with it. */
static void rest(neapi_owner_line *line)
{
    line->resting = true;
    line->has_more = false;
    line->first = line->count = line->capacity = 0;
    neapi_free(line->behind);
    line->behind = NULL;
}

/* Nothing in the list is before what is parked; what is not in the list may be. */
static void rest_or_end(neapi_queue *queue, neapi_owner_line *line)
{
    int64_t parked_us = 0;
    neapi_queued_due_of(neapi_queued_key_text(&line->parked), &parked_us);
    if (line->has_more && line->more_us < parked_us)
        end_line(queue, line);
    else
        rest(line);
}

void neapi_queue_end_turn(neapi_queue *queue, neapi_in_hand *it)
{
    neapi_owner_line *line = it->line;
    it->line = NULL;
    if (line == NULL)
        return;
    const neapi_queued_key *first = first_behind(line);
    if (has_parked(line) && (first == NULL || strcmp(first->text, line->parked.text) > 0)) {
        rest_or_end(queue, line);
        return;
    }
    if (first == NULL || is_to_be_read(queue, first)) {
        end_line(queue, line);
        return;
    }
    neapi_in_hand *next = neapi_in_hand_new(queue, neapi_queued_key_text(first));
    if (next == NULL) { /* what stands there is read again */
        leave_for_later(line, first);
        end_line(queue, line);
        return;
    }
    line->first++;
    line->count--;
    next->line = line;
    neapi_in_hand_make_ready(next);
}
