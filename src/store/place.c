/* place.c -- the lock beside the database, and what stat says of its files.
 */
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

static char *beside(const char *path, const char *suffix)
{
    size_t len = strlen(path), more = strlen(suffix) + 1;
    char *name = cbx_alloc(len + more);

    memcpy(name, path, len);
    memcpy(name + len, suffix, more);
    return name;
}

void cbx_place_init(cbx_place_t *place)
{
    memset(place, 0, sizeof(*place));
    place->lock = -1;
}

/* Two processes that number the messages of one database would both be wrong, and none would notice: so a
 * file beside it is locked for as long as we live. Not the database itself: to close another descriptor of
 * that would drop SQLite's locks. */
static int lock_out_others(const char *path, char *why, size_t why_len)
{
    char *name = beside(path, ".lock");
    int fd;

    if ((fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) == -1)
        snprintf(why, why_len, "cannot make %s: %s", name, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, why_len, "%s is in use by another process; stop that first", path);
        close(fd);
        fd = -1;
    }
    free(name);
    return fd;
}

void cbx_place_wait(const char *path)
{
    char *name = beside(path, ".lock");
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        cbx_log(CBX_LOG_INFO, "waiting-for-database", "file", path, NULL);
        while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
            ;
    }
    if (fd != -1)
        close(fd); /* cbx_place_take takes it again, and says what is wrong where it cannot */
    free(name);
}

bool cbx_place_let_go(cbx_place_t *place)
{
    if (place->lock == -1)
        return false;
    close(place->lock);
    place->lock = -1;
    return true;
}

bool cbx_place_take(cbx_place_t *place, const char *path, char *why, size_t why_len)
{
    if ((place->lock = lock_out_others(path, why, why_len)) == -1)
        return false;
    place->path = cbx_strdup(path);
    place->log = beside(path, "-wal");
    return true;
}

static bool identify(const char *path, cbx_file_id_t *id)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    *id = (cbx_file_id_t){st.st_dev, st.st_ino};
    return true;
}

static bool is_at(const char *path, const cbx_file_id_t *id)
{
    cbx_file_id_t now;

    return identify(path, &now) && now.device == id->device && now.inode == id->inode;
}

bool cbx_place_note(cbx_place_t *place)
{
    return place->path == NULL ||
           (identify(place->path, &place->file_id) && identify(place->log, &place->log_id));
}

bool cbx_place_is_ours(const cbx_place_t *place)
{
    return place->path == NULL || (is_at(place->path, &place->file_id) && is_at(place->log, &place->log_id));
}

void cbx_place_leave(cbx_place_t *place)
{
    if (place->lock != -1)
        close(place->lock);
    free(place->path);
    free(place->log);
    cbx_place_init(place);
}
