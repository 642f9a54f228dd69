#include "nearest.h"

#include <string.h>

#define LONGEST 32 /* longer words are no names of ours */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* The number of letters to add, drop, change or swap with the next one. */
static size_t distance_between(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= a_size; i++) {
        for (size_t j = 0; j <= b_size; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            size_t changed = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            rows[i][j] = smallest(rows[i - 1][j] + 1, rows[i][j - 1] + 1, changed);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                rows[i - 2][j - 2] + 1 < rows[i][j])
                rows[i][j] = rows[i - 2][j - 2] + 1;
        }
    }
    return rows[a_size][b_size];
}

void cli_nearest_consider(cli_nearest *nearest, const char *wanted, const char *name)
{
    size_t wanted_size = strlen(wanted), name_size = strlen(name);
    if (wanted_size == 0 || wanted_size > LONGEST || name_size > LONGEST)
        return;
    size_t distance = distance_between(wanted, wanted_size, name, name_size);
    /* Half-typed words count as near: `--back` wants `--backward`. */
    if (wanted_size >= 3 && wanted_size < name_size && memcmp(wanted, name, wanted_size) == 0)
        distance = 1;
    size_t allowed = name_size < 3 ? 0 : (name_size < 6 ? 1 : name_size / 3);
    if (distance <= allowed && (nearest->name == NULL || distance < nearest->distance))
        *nearest = (cli_nearest){name, distance};
}
