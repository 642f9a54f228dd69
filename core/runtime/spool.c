#include "runtime/spool.h"

#include "base/error.h"
#include "base/text.h"

#define MEMORY_BYTES ((size_t)1024 * 1024)

void neapi_spool_fini(neapi_spool *spool)
{
    if (spool->file != NULL)
        fclose(spool->file);
    neapi_buffer_fini(&spool->memory);
}

static neap_status file_failed(neap_error *error)
{
    return neapi_fail(error, NEAP_STORE, "a temporary file for keys and documents: %m");
}

static neap_status write_out(neapi_spool *spool, neap_error *error)
{
    if (spool->file == NULL)
        spool->file = tmpfile();
    if (spool->file == NULL ||
        fwrite(spool->memory.data, 1, spool->memory.size, spool->file) != spool->memory.size)
        return file_failed(error);
    neapi_buffer_clear(&spool->memory);
    return NEAP_OK;
}

static void add_text(neapi_buffer *memory, neap_text text)
{
    uint64_t size = text.size;
    neapi_buffer_append(memory, &size, sizeof size);
    neapi_buffer_text(memory, text);
}

neap_status neapi_spool_add(neapi_spool *spool, neap_text note, neap_text line, neap_error *error)
{
    add_text(&spool->memory, note);
    add_text(&spool->memory, line);
    if (spool->memory.failed)
        return neapi_nomem(error);
    return spool->memory.size > MEMORY_BYTES ? write_out(spool, error) : NEAP_OK;
}

neap_status neapi_spool_rewind(neapi_spool *spool, neap_error *error)
{
    spool->at = 0;
    if (spool->file == NULL)
        return NEAP_OK;
    neap_status status = write_out(spool, error);
    if (status == NEAP_OK && fseek(spool->file, 0, SEEK_SET) != 0)
        status = file_failed(error);
    return status;
}

/* Whether all of it was there. */
static bool take(neapi_spool *spool, void *bytes, size_t size)
{
    if (spool->file != NULL)
        return fread(bytes, 1, size, spool->file) == size;
    if (spool->memory.size - spool->at < size)
        return false;
    if (size != 0)
        memcpy(bytes, spool->memory.data + spool->at, size);
    spool->at += size;
    return true;
}

static neap_status take_text(neapi_spool *spool, neapi_buffer *text, bool *found, neap_error *error)
{
    uint64_t size;
    neapi_buffer_clear(text);
    *found = take(spool, &size, sizeof size);
    if (!*found)
        return spool->file != NULL && ferror(spool->file) ? file_failed(error) : NEAP_OK;
    if (!neapi_buffer_reserve(text, size))
        return neapi_nomem(error);
    if (!take(spool, text->data, size))
        return file_failed(error);
    text->size = size;
    return NEAP_OK;
}

neap_status neapi_spool_next(neapi_spool *spool, neapi_buffer *note, neapi_buffer *line,
                             bool *found, neap_error *error)
{
    neap_status status = take_text(spool, note, found, error);
    return status == NEAP_OK && *found ? take_text(spool, line, found, error) : status;
}
