#include "script/field_use.h"

#include "base/text.h"

/* What lua_dump writes is read here only if it is the official format of Lua 5.4, whose operations
 * are the same in all of its releases; anything else that is met means that nothing is known. */

/* ---- What lua_dump wrote --------------------------------------------------------------------- */

#define NAMES 256 /* an instruction cannot name a constant beyond */

typedef struct reader {
    const unsigned char *at, *end;
    bool failed;
} reader;

typedef struct code {
    unsigned parameters;
    bool takes_more; /* than those */
    bool has_functions;
    const unsigned char *instructions;
    size_t count;
    neap_text names[NAMES]; /* of constants that are text */
} code;

static int write_bytes(lua_State *L, const void *bytes, size_t size, void *buffer)
{
    (void)L;
    neapi_buffer_append(buffer, bytes, size);
    return 0;
}

static const unsigned char *take(reader *from, size_t size)
{
    if (from->failed || (size_t)(from->end - from->at) < size) {
        from->failed = true;
        return NULL;
    }
    from->at += size;
    return from->at - size;
}

static unsigned take_byte(reader *from)
{
    const unsigned char *byte = take(from, 1);
    return byte != NULL ? *byte : 0;
}

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t take_size(reader *from)
{
    size_t size = 0;
    for (int i = 0; i < 9 && !from->failed; i++) {
        unsigned byte = take_byte(from);
        size = size << 7 | (byte & 0x7F);
        if ((byte & 0x80) != 0)
            return size;
    }
    from->failed = true;
    return 0;
}

static neap_text take_text(reader *from)
{
    size_t size = take_size(from);
    if (size == 0)
        return (neap_text){0};
    const unsigned char *text = take(from, size - 1);
    return text != NULL ? neapi_text((const char *)text, size - 1) : (neap_text){0};
}

static bool is_official(reader *from)
{
    static const char start[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\4\x08\x08";
    const lua_Integer integer = 0x5678;
    const lua_Number number = 370.5;
    const unsigned char *found = take(from, sizeof start - 1), *found_integer = take(from, 8),
                        *found_number = take(from, 8);
    return !from->failed && sizeof integer == 8 && sizeof number == 8 &&
           memcmp(found, start, sizeof start - 1) == 0 && memcmp(found_integer, &integer, 8) == 0 &&
           memcmp(found_number, &number, 8) == 0;
}

/* The tags of constants in what lua_dump writes. */
enum {
    NIL = 0x00,
    FALSE = 0x01,
    TRUE = 0x11,
    INTEGER = 0x03,
    FLOAT = 0x13,
    SHORT = 0x04,
    LONG = 0x14
};

static void take_constants(reader *from, code *read)
{
    size_t count = take_size(from);
    for (size_t i = 0; i < count && !from->failed; i++) {
        neap_text text = {0};
        switch (take_byte(from)) {
        case NIL:
        case FALSE:
        case TRUE:
            break;
        case INTEGER:
        case FLOAT:
            take(from, 8);
            break;
        case SHORT:
        case LONG:
            text = take_text(from);
            break;
        default:
            from->failed = true;
        }
        if (i < NAMES)
            read->names[i] = text;
    }
}

static bool take_code(reader *from, code *read)
{
    *read = (code){0};
    if (!is_official(from))
        return false;
    take_byte(from); /* upvalues */
    take_text(from); /* the source */
    take_size(from); /* its lines */
    take_size(from);
    read->parameters = take_byte(from);
    read->takes_more = take_byte(from) != 0;
    take_byte(from); /* the stack */
    read->count = take_size(from);
    if (read->count > SIZE_MAX / 4)
        return false;
    read->instructions = take(from, read->count * 4);
    take_constants(from, read);
    take(from, take_size(from) * 3); /* upvalues */
    read->has_functions = take_size(from) != 0;
    return !from->failed;
}

/* ---- What its instructions do ---------------------------------------------------------------- */

/* Which operands of an operation are registers. */
enum {
    A = 1,
    B = 2,
    C = 4,
    K = 8,     /* C is one, unless the instruction's k says that it is a constant */
    FROM = 16, /* some from A on */
};

enum { GETFIELD = 14, VARARGPREP = 81, OPERATIONS = 83 };

/* By the numbers of the operations in Lua 5.4. */
static const unsigned char operands[OPERATIONS] = {
    A | B,     A,
    A,         A,
    A,         A,
    A,         A, /* MOVE, LOADI … LOADTRUE */
    FROM,      A,
    A, /* LOADNIL, GETUPVAL, SETUPVAL */
    A,         A | B | C,
    A | B,     A | B, /* GETTABUP, GETTABLE, GETI, GETFIELD */
    K,         A | B | K,
    A | K,     A | K, /* SETTABUP, SETTABLE, SETI, SETFIELD */
    A,         FROM | B | K,
    A | B, /* NEWTABLE, SELF, ADDI */
    A | B,     A | B,
    A | B,     A | B,
    A | B,     A | B,
    A | B, /* ADDK … IDIVK */
    A | B,     A | B,
    A | B,     A | B,
    A | B, /* BANDK, BORK, BXORK, SHRI, SHLI */
    A | B | C, A | B | C,
    A | B | C, A | B | C, /* ADD, SUB, MUL, MOD */
    A | B | C, A | B | C,
    A | B | C, /* POW, DIV, IDIV */
    A | B | C, A | B | C,
    A | B | C, A | B | C,
    A | B | C, /* BAND, BOR, BXOR, SHL, SHR */
    A | B,     A,
    A, /* MMBIN, MMBINI, MMBINK */
    A | B,     A | B,
    A | B,     A | B, /* UNM, BNOT, NOT, LEN */
    FROM,      FROM,
    A,         0, /* CONCAT, CLOSE, TBC, JMP */
    A | B,     A | B,
    A | B, /* EQ, LT, LE */
    A,         A,
    A,         A,
    A,         A,     /* EQK, EQI, LTI, LEI, GTI, GEI */
    A,         A | B, /* TEST, TESTSET */
    FROM,      FROM,
    FROM,      0,
    A, /* CALL, TAILCALL, RETURN, RETURN0, RETURN1 */
    FROM,      FROM,
    FROM,      FROM,
    FROM, /* FORLOOP, FORPREP, TFORPREP … TFORLOOP */
    FROM,      A,
    FROM,      FROM,
    0, /* SETLIST, CLOSURE, VARARG … EXTRAARG */
};

typedef struct instruction {
    unsigned operation, a, b, c;
    bool k;
} instruction;

static instruction instruction_at(const code *read, size_t at)
{
    uint32_t word;
    memcpy(&word, read->instructions + 4 * at, 4);
    return (instruction){word & 0x7F, word >> 7 & 0xFF, word >> 16 & 0xFF, word >> 24 & 0xFF,
                         (word >> 15 & 1) != 0};
}

/* Whether the instruction has to do with the event's register. */
static bool touches_event(instruction does, unsigned event)
{
    unsigned which = operands[does.operation];
    return ((which & A) != 0 && does.a == event) || ((which & B) != 0 && does.b == event) ||
           ((which & C) != 0 && does.c == event) ||
           ((which & K) != 0 && !does.k && does.c == event) ||
           ((which & FROM) != 0 && does.a <= event);
}

static neapi_flat_set fields_of(const code *read, unsigned event, const neapi_fields *fields)
{
    neapi_flat_set used = 0;
    if (read->takes_more || read->has_functions)
        return NEAPI_FLAT_ALL;
    if (read->parameters <= event)
        return 0;
    for (size_t i = 0; i < read->count; i++) {
        instruction does = instruction_at(read, i);
        if (does.operation >= VARARGPREP && does.operation != OPERATIONS - 1)
            return NEAPI_FLAT_ALL;
        if (!touches_event(does, event))
            continue;
        if (does.operation != GETFIELD || does.a == event || read->names[does.c].data == NULL)
            return NEAPI_FLAT_ALL;
        const neapi_field *field = neapi_field_find(fields, read->names[does.c]);
        if (field != NULL)
            used |= (neapi_flat_set)1 << (field - fields->list);
    }
    return used;
}

neapi_flat_set neapi_fields_used(lua_State *L, unsigned parameter, const neapi_fields *fields)
{
    neapi_flat_set used = NEAPI_FLAT_ALL;
    neapi_buffer dump = NEAPI_BUFFER_INIT;
    if (lua_type(L, -1) == LUA_TFUNCTION && lua_dump(L, write_bytes, &dump, 1) == 0 &&
        !dump.failed && dump.size != 0) {
        const unsigned char *bytes = (const unsigned char *)dump.data;
        reader from = {bytes, bytes + dump.size, false};
        code read;
        if (take_code(&from, &read))
            used = fields_of(&read, parameter - 1, fields);
    }
    neapi_buffer_fini(&dump);
    return used;
}
