/* disk.c -- a preload with which a test breaks the disk of a running server, and mends it again.
 *
 *     LD_PRELOAD=$PWD/build/faults/disk.so CHATTERBOX_DISK_FAULTS=rules build/chatterbox -c …
 *
 * The file of rules is read at each call that SQLite makes of Debian's libc (read, write, fsync, ftruncate
 * and their kin), so what the test writes there holds from now on. A line is a call (read, write, sync,
 * truncate), the end of the path that it is about, and what comes of it: an errno, or +ms that it takes
 * longer:
 *
 *     write chat.db-wal 28
 *     sync .db +2000
 *
 * No file of rules: no faults.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RULES_MAX = 1024, PATH_MAX_BYTES = 512 };

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* ISO C has no cast from an object to a function; `type` is that of the pointer */
#define REAL(type, name)                                                                                     \
    (((union {                                                                                               \
         void *object;                                                                                       \
         type call;                                                                                          \
     }){.object = next(name)})                                                                               \
         .call)

typedef ssize_t (*read_fn)(int fd, void *bytes, size_t len);
typedef ssize_t (*pread_fn)(int fd, void *bytes, size_t len, off_t at);
typedef ssize_t (*write_fn)(int fd, const void *bytes, size_t len);
typedef ssize_t (*pwrite_fn)(int fd, const void *bytes, size_t len, off_t at);
typedef int (*sync_fn)(int fd);
typedef int (*truncate_fn)(int fd, off_t len);

static bool read_rules(char *rules)
{
    const char *path = getenv("CHATTERBOX_DISK_FAULTS");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len;

    if (fd == -1)
        return false;
    len = REAL(read_fn, "read")(fd, rules, RULES_MAX - 1);
    close(fd);
    rules[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static bool is_about(int fd, const char *end)
{
    char link[40], path[PATH_MAX_BYTES];
    ssize_t len;
    size_t end_len = strlen(end);

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path));
    return len >= (ssize_t)end_len && memcmp(path + len - end_len, end, end_len) == 0;
}

static void wait_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* true, with errno set, when the call is to fail; else it may have been kept waiting */
static bool fails(const char *call, int fd)
{
    char rules[RULES_MAX], kind[16], end[64], effect[16], *rest;
    int saved = errno;

    if (!read_rules(rules)) {
        errno = saved;
        return false;
    }
    for (char *line = strtok_r(rules, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "%15s %63s %15s", kind, end, effect) != 3 || strcmp(kind, call) != 0 ||
            !is_about(fd, end))
            continue;
        if (effect[0] != '+') {
            errno = atoi(effect);
            return true;
        }
        wait_ms(atol(effect + 1));
    }
    errno = saved;
    return false;
}

ssize_t read(int fd, void *bytes, size_t len)
{
    return fails("read", fd) ? -1 : REAL(read_fn, "read")(fd, bytes, len);
}

ssize_t pread64(int fd, void *bytes, size_t len, off_t at)
{
    return fails("read", fd) ? -1 : REAL(pread_fn, "pread64")(fd, bytes, len, at);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return fails("write", fd) ? -1 : REAL(write_fn, "write")(fd, bytes, len);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
    return fails("write", fd) ? -1 : REAL(pwrite_fn, "pwrite64")(fd, bytes, len, at);
}

int fsync(int fd)
{
    return fails("sync", fd) ? -1 : REAL(sync_fn, "fsync")(fd);
}

int fdatasync(int fd)
{
    return fails("sync", fd) ? -1 : REAL(sync_fn, "fdatasync")(fd);
}

int ftruncate64(int fd, off_t len)
{
    return fails("truncate", fd) ? -1 : REAL(truncate_fn, "ftruncate64")(fd, len);
}
