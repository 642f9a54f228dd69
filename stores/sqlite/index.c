#include "index.h"

bool neapi_sqlite_list_add(neapi_sqlite_list *list, int64_t position)
{
    if (list->size >= NEAPI_SQLITE_LIST_BYTES)
        return false;
    char digits[20];
    size_t count = 0;
    uint64_t rest = (uint64_t)position;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    list->text[list->size] = list->size == 0 ? '[' : ',';
    list->size++;
    while (count > 0)
        list->text[list->size++] = digits[--count];
    return true;
}

neap_status neapi_sqlite_list_write(neapi_sqlite_list *list, neapi_connection *connection,
                                    neapi_sql sql, int64_t key, int64_t number, neap_error *error)
{
    list->text[list->size++] = ']';
    neapi_query query = neapi_query_begin(connection, sql);
    neapi_query_integer(&query, key);
    neapi_query_integer(&query, number);
    neapi_query_text(&query, (neap_text){list->text, list->size});
    list->size = 0;
    return neapi_query_finish(&query, error);
}

bool neapi_sqlite_list_next(neap_text text, size_t *at, int64_t *position)
{
    size_t i = *at, digits = 0;
    uint64_t value = 0;
    if (i >= text.size || text.data[i] != (i == 0 ? '[' : ','))
        return false;
    for (i++; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && digits < 19; i++) {
        value = value * 10 + (uint64_t)(text.data[i] - '0');
        digits++;
    }
    if (digits == 0 || value == 0 || value > INT64_MAX || i >= text.size)
        return false;
    if (text.data[i] != ']' && text.data[i] != ',')
        return false;
    *at = text.data[i] == ']' ? i + 1 : i;
    *position = (int64_t)value;
    return true;
}
