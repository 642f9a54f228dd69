#include "script/sources.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#define LARGEST_FILE ((size_t)1024 * 1024)

struct neapi_sources {
    neapi_arena arena;
    neapi_source *files; /* the domain's first, then in the order in which they were required */
    size_t count;
    neap_text replacements;
    bool sealed;
    char fingerprint[33];
};

static neap_status refuse_content(const char *path, neap_text bytes, neap_error *error)
{
    if (bytes.size > 0 && bytes.data[0] == '\x1b')
        return neapi_fail(error, NEAP_USAGE, "%s is bytecode; Neap runs text only", path);
    if (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size) != NULL)
        return neapi_fail(error, NEAP_USAGE, "%s is not text: it has a zero byte in it", path);
    return NEAP_OK;
}

static neap_status read_open_file(FILE *file, const char *path, neapi_arena *arena,
                                  neap_text *bytes, neap_error *error)
{
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
        return neapi_fail(error, NEAP_USAGE, "%s is a folder, not a file", path);
    char *data = neapi_arena_alloc(arena, LARGEST_FILE + 1);
    if (data == NULL)
        return neapi_nomem(error);
    size_t size = fread(data, 1, LARGEST_FILE + 1, file);
    if (ferror(file))
        return neapi_fail(error, NEAP_USAGE, "%s cannot be read: %s", path, strerror(errno));
    if (size > LARGEST_FILE)
        return neapi_fail(error, NEAP_LIMIT, "%s is larger than %zu bytes", path, LARGEST_FILE);
    *bytes = neapi_text(data, size);
    return refuse_content(path, *bytes, error);
}

/* Reads by way of a scratch arena, so that what stays takes no more room than it needs. */
static neap_status read_file(neapi_arena *arena, const char *path, neap_text *bytes,
                             neap_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return neapi_fail(error, errno == ENOENT ? NEAP_UNKNOWN : NEAP_USAGE,
                          "%s cannot be read: %s", path, strerror(errno));
    neapi_arena scratch = NEAPI_ARENA_INIT;
    neap_text read;
    neap_status status = read_open_file(file, path, &scratch, &read, error);
    if (status == NEAP_OK) {
        neap_text kept = neapi_arena_text(arena, read);
        if (kept.data != NULL)
            *bytes = kept;
        else
            status = neapi_nomem(error);
    }
    neapi_arena_fini(&scratch);
    fclose(file);
    return status;
}

static neap_status add_file(neapi_sources *sources, neap_text module, const char *path,
                            neap_error *error)
{
    neapi_source source = {.module = neapi_arena_text(&sources->arena, module),
                           .path = neapi_arena_text(&sources->arena, neapi_text_of(path))};
    if (source.module.data == NULL || source.path.data == NULL)
        return neapi_nomem(error);
    neap_status status = read_file(&sources->arena, path, &source.bytes, error);
    if (status != NEAP_OK)
        return status;
    neapi_source *files =
        neapi_realloc(sources->files, (sources->count + 1) * sizeof *sources->files);
    if (files == NULL)
        return neapi_nomem(error);
    sources->files = files;
    files[sources->count++] = source;
    return NEAP_OK;
}

neap_status neapi_sources_open(const char *path, neapi_sources **sources, neap_error *error)
{
    neapi_sources *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    neap_status status = add_file(opened, neapi_text("", 0), path, error);
    if (status != NEAP_OK) {
        neapi_sources_free(opened);
        if (status == NEAP_UNKNOWN && error != NULL) {
            error->status = status = NEAP_USAGE;
            NEAPI_ERROR_SET(error, code, "usage", 5);
        }
        return status == NEAP_UNKNOWN ? NEAP_USAGE : status;
    }
    *sources = opened;
    return NEAP_OK;
}

void neapi_sources_free(neapi_sources *sources)
{
    if (sources == NULL)
        return;
    neapi_free(sources->files);
    neapi_arena_fini(&sources->arena);
    neapi_free(sources);
}

static neap_status copy_files(neapi_sources *copy, const neapi_sources *sources, neap_error *error)
{
    copy->files = neapi_alloc_zero(sources->count, sizeof *copy->files);
    if (copy->files == NULL)
        return neapi_nomem(error);
    for (; copy->count < sources->count; copy->count++) {
        const neapi_source *from = &sources->files[copy->count];
        const neapi_source to = {.module = neapi_arena_text(&copy->arena, from->module),
                                 .path = neapi_arena_text(&copy->arena, from->path),
                                 .bytes = neapi_arena_text(&copy->arena, from->bytes)};
        if (to.module.data == NULL || to.path.data == NULL || to.bytes.data == NULL)
            return neapi_nomem(error);
        copy->files[copy->count] = to;
    }
    return NEAP_OK;
}

neap_status neapi_sources_replaced(const neapi_sources *sources, neap_text replacements,
                                   neapi_sources **replaced, neap_error *error)
{
    neapi_sources *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    neap_status status = copy_files(made, sources, error);
    made->replacements = neapi_arena_text(&made->arena, replacements);
    if (status == NEAP_OK && made->replacements.data == NULL)
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        *replaced = made;
    else
        neapi_sources_free(made);
    return status;
}

neap_text neapi_sources_replacements(const neapi_sources *sources)
{
    return sources->replacements;
}

const neapi_source *neapi_sources_domain(const neapi_sources *sources)
{
    return &sources->files[0];
}

/* Names with dots between words of letters, digits, '_' and '-': none can lead out of the folder.
 */
static bool is_module_name(neap_text name)
{
    bool word = false;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
        if (!letter && !(c == '.' && word))
            return false;
        word = letter;
    }
    return word && name.size <= 200;
}

/* The path of a module beside the domain's file. */
static bool module_path(const neapi_sources *sources, neap_text module, const char *ending,
                        char *path, size_t size)
{
    neap_text domain = sources->files[0].path;
    const char *slash = memrchr(domain.data, '/', domain.size);
    size_t folder = slash != NULL ? (size_t)(slash - domain.data) + 1 : 0;
    if (folder + module.size + strlen(ending) + 1 > size)
        return false;
    memcpy(path, domain.data, folder);
    for (size_t i = 0; i < module.size; i++)
        path[folder + i] = module.data[i] == '.' ? '/' : module.data[i];
    memcpy(path + folder + module.size, ending, strlen(ending) + 1);
    return true;
}

neap_status neapi_sources_find(neapi_sources *sources, neap_text module,
                               const neapi_source **source, neap_error *error)
{
    for (size_t i = 1; i < sources->count; i++) {
        if (neapi_text_equal(sources->files[i].module, module)) {
            *source = &sources->files[i];
            return NEAP_OK;
        }
    }
    if (!is_module_name(module))
        return neapi_fail(error, NEAP_USAGE, "'%.*s' cannot be the name of a module",
                          NEAPI_TEXT(module));
    if (sources->sealed)
        return neapi_fail(error, NEAP_UNKNOWN,
                          "module '%.*s' was not required while the domain was loaded; require "
                          "it at the top of the file",
                          NEAPI_TEXT(module));
    char file[1024], folder[1024];
    if (!module_path(sources, module, ".lua", file, sizeof file) ||
        !module_path(sources, module, "/init.lua", folder, sizeof folder))
        return neapi_fail(error, NEAP_USAGE, "the path of module '%.*s' is too long",
                          NEAPI_TEXT(module));
    neap_status status = add_file(sources, module, file, error);
    if (status == NEAP_UNKNOWN)
        status = add_file(sources, module, folder, error);
    if (status == NEAP_UNKNOWN)
        return neapi_fail(error, NEAP_UNKNOWN, "there is no module '%.*s': neither %s nor %s",
                          NEAPI_TEXT(module), file, folder);
    if (status == NEAP_OK)
        *source = &sources->files[sources->count - 1];
    return status;
}

void neapi_sources_seal(neapi_sources *sources)
{
    if (sources->sealed) /* engines may be opened at the same time */
        return;
    sources->sealed = true;
    if (sources->fingerprint[0] != '\0')
        return;
    uint64_t high = 1, low = 2;
    for (size_t i = 0; i < sources->count; i++) {
        const neapi_source *source = &sources->files[i];
        high = neapi_text_hash(source->bytes, neapi_text_hash(source->module, high));
        low = neapi_text_hash(source->bytes, neapi_text_hash(source->module, low));
    }
    if (sources->replacements.size != 0) {
        high = neapi_text_hash(sources->replacements, high);
        low = neapi_text_hash(sources->replacements, low);
    }
    snprintf(sources->fingerprint, sizeof sources->fingerprint, "%016" PRIx64 "%016" PRIx64, high,
             low);
}

void neapi_sources_unseal(neapi_sources *sources)
{
    sources->sealed = false;
}

neap_text neapi_sources_fingerprint(const neapi_sources *sources)
{
    return neapi_text_of(sources->fingerprint);
}
