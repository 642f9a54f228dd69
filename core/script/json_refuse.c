#include "base/error.h"
#include "message/path.h"
#include "script/json_values.h"

neap_status neapi_encode_within_name(neapi_encoder *encoder, neap_text name, neap_status status)
{
    if (encoder->hidden > 0)
        encoder->hidden--;
    else
        neapi_path_within_name(encoder->error, name);
    return status;
}

neap_status neapi_encode_within_place(neapi_encoder *encoder, lua_Integer place, neap_status status)
{
    if (encoder->hidden > 0)
        encoder->hidden--;
    else
        neapi_path_within_place(encoder->error, (uint64_t)place);
    return status;
}

/* How many of the tables being encoded lie around the first that is within itself; all, if none is.
 */
static unsigned level_of_cycle(const neapi_encoder *encoder, int innermost)
{
    unsigned level = 1;
    for (; level <= encoder->level; level++) {
        int inner = level < encoder->level ? encoder->tables[level] : innermost;
        for (unsigned outer = 0; outer < level; outer++)
            if (lua_rawequal(encoder->L, encoder->tables[outer], inner))
                return level;
    }
    return level;
}

neap_status neapi_encode_refuse_depth(neapi_encoder *encoder, int index)
{
    unsigned level = level_of_cycle(encoder, index);
    if (level <= encoder->level) {
        /* The path leads to where a table first comes again, not through the circle for ever. */
        encoder->hidden = encoder->level - level;
        return neapi_fail(encoder->error, NEAP_INVALID, "a table contains itself");
    }
    if (encoder->level < encoder->limit)
        return neapi_nomem(encoder->error);
    return neapi_fail(encoder->error, NEAP_LIMIT, "tables are nested too deeply, deeper than %u",
                      encoder->limit);
}

neap_status neapi_encode_refuse_size(neapi_encoder *encoder)
{
    return neapi_fail(encoder->error, NEAP_LIMIT, "as JSON it takes more than %zu bytes",
                      NEAPI_ENCODED_MOST);
}

neap_status neapi_encode_refuse_key_lj(neapi_encoder *encoder, int key, bool other_names)
{
    lua_State *L = encoder->L;
    int type = lua_type(L, key);
    if (type == LUA_TSTRING || (type == LUA_TNUMBER && other_names))
        return neapi_fail(encoder->error, NEAP_INVALID,
                          "a table has both names and places as keys");
    if (type != LUA_TNUMBER)
        return neapi_fail(encoder->error, NEAP_INVALID, "a key is a %s, not a name",
                          lua_typename(L, type));
    return neapi_fail(encoder->error, NEAP_INVALID,
                      lua_isinteger(L, key) ? "a list has holes: its keys are not 1, 2, 3 …"
                                            : "a key is a float, not a name");
}
