/* place.h -- the files that a database is, and whether they are still those that we opened.
 *
 * Who removes or replaces the file of a running server leaves it writing into one that nobody will find
 * again; SQLite does not notice, and would acknowledge. So the writer looks before each commit.
 */
#ifndef cbx_store_place_h
#define cbx_store_place_h

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct cbx_file_id {
    dev_t device;
    ino_t inode;
} cbx_file_id_t;

typedef struct cbx_place {
    char *path; /* NULL: in memory */
    char *log;  /* "<path>-wal" */
    cbx_file_id_t file_id, log_id;
    int lock; /* keeps other processes out while it is open; else -1 */
} cbx_place_t;

/* a place that is nowhere: all that cbx_place_leave expects */
void cbx_place_init(cbx_place_t *place);
/* keeps other processes out, and remembers the path; on failure false and why */
bool cbx_place_take(cbx_place_t *place, const char *path, char *why, size_t why_len);
/* remembers which files are there now, when the database and its log are open; false: they are not there */
bool cbx_place_note(cbx_place_t *place);
/* are they still there? always, in memory; two stat calls, 2 us */
bool cbx_place_is_ours(const cbx_place_t *place);
/* waits until no other process has the place, and says so in the log where it must */
void cbx_place_wait(const char *path);
/* lets other processes in, though the files stay open; false: they were not kept out */
bool cbx_place_let_go(cbx_place_t *place);
void cbx_place_leave(cbx_place_t *place);

#endif
