/* change_store PATH SQL: changes a SQLite file behind the back of Neap. */
#include <sqlite3.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    sqlite3 *file = NULL;
    char *wrong = NULL;
    if (count != 3 || sqlite3_open_v2(arguments[1], &file, SQLITE_OPEN_READWRITE, NULL) != 0 ||
        sqlite3_exec(file, arguments[2], NULL, NULL, &wrong) != 0) {
        fprintf(stderr, "change_store: %s\n", wrong != NULL ? wrong : "cannot open the file");
        return 1;
    }
    return sqlite3_close(file);
}
