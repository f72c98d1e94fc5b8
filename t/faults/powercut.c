/* powercut.c -- a preload that cuts the power: what was written and not synced is thrown away, or half of it.
 *
 *     LD_PRELOAD=powercut.so POWERCUT_FILE=/tmp/x/chat.db POWERCUT_AT=137 POWERCUT_SEED=1 POWERCUT_LOG=log
 * ...
 *
 * The files whose names begin with POWERCUT_FILE (a database, its log, its journal; not its -shm, which is
 * memory, nor its .lock) are watched: what a write or a truncation replaced is kept until the file is synced.
 * At the POWERCUT_AT-th write, truncation or sync, before it happens, each file goes back to what was synced
 * last; then of what came after a part is put back, as a disk might have done it by itself: none, all, some
 * of the writes, or some sectors (512 or 4096 bytes) of some. Files that were made, and whose directory was
 * not synced since, may be gone. What was decided is appended to POWERCUT_LOG; then comes SIGKILL.
 * POWERCUT_DEAF=1: syncs do nothing, as with a disk that lies.
 *
 * Not covered: a file that is removed or renamed is so at once; mmap and dup are not watched. SQLite does
 * neither to a database in WAL mode: it maps the -shm only.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 4096, FILES = 64, SMALL_SECTOR = 512, LARGE_SECTOR = 4096 };

struct change {
    struct change *next;
    off_t at, size_before, size_after;
    size_t len; /* of `fresh`; 0: a truncation */
    char *fresh, *old;
    size_t old_len; /* what was there, up to the end of the file or of the change */
};

static struct file {
    dev_t dev;
    ino_t ino;
    char path[512];
    int fd; /* our own, for putting things back; -1: a directory */
    int is_new;
    struct change *first, *last; /* not synced, oldest first */
} files[FILES];
static size_t files_len;
static struct file *of_fd[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long operations, syncs;

/* -- what the C library has -- */

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

/* ISO C has no cast from one to the other */
#define REAL(name, result, ...)                                                                              \
    (((union {                                                                                               \
         void *object;                                                                                       \
         result (*call)(__VA_ARGS__);                                                                        \
     }){.object = next(name)})                                                                               \
         .call)

/* -- chance: the seed makes it the same again -- */

static unsigned long long chance_state;

static unsigned chance(unsigned n)
{
    chance_state = chance_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(chance_state >> 33) % n;
}

static long number(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? atol(text) : 0;
}

/* -- files -- */

static int ends(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);

    return a >= b && strcmp(text + a - b, end) == 0;
}

static int is_watched(const char *path)
{
    const char *prefix = getenv("POWERCUT_FILE");

    return prefix != NULL && strncmp(path, prefix, strlen(prefix)) == 0 && !ends(path, "-shm") &&
           !ends(path, ".lock");
}

static int is_its_directory(const char *path)
{
    const char *prefix = getenv("POWERCUT_FILE"), *slash = prefix != NULL ? strrchr(prefix, '/') : NULL;
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        --len;
    return slash != NULL && len == (size_t)(slash - prefix) && strncmp(path, prefix, len) == 0;
}

static struct file *file_of(int fd, const char *path, int is_new)
{
    struct stat st;
    struct file *f = files;

    if (fstat(fd, &st) != 0)
        return NULL;
    while (f != files + files_len && (f->dev != st.st_dev || f->ino != st.st_ino))
        ++f;
    if (f == files + files_len) {
        if (files_len++ == FILES)
            abort();
        f->dev = st.st_dev;
        f->ino = st.st_ino;
        f->fd =
            S_ISDIR(st.st_mode) ? -1 : REAL("open64", int, const char *, int, ...)(path, O_RDWR | O_CLOEXEC);
    }
    snprintf(f->path, sizeof(f->path), "%s", path);
    f->is_new |= is_new;
    return f;
}

static void forget(struct file *f)
{
    for (struct change *c; (c = f->first) != NULL;) {
        f->first = c->next;
        free(c->fresh);
        free(c->old);
        free(c);
    }
    f->last = NULL;
}

static void all_names_are_synced(void)
{
    for (size_t i = 0; i != files_len; ++i)
        files[i].is_new = 0;
}

/* -- the cut -- */

static void put(struct file *f, const char *bytes, size_t len, off_t at)
{
    if (REAL("pwrite64", ssize_t, int, const void *, size_t, off_t)(f->fd, bytes, len, at) != (ssize_t)len)
        abort();
}

static void set_size(struct file *f, off_t size)
{
    if (REAL("ftruncate64", int, int, off_t)(f->fd, size) != 0)
        abort();
}

static void undo(struct file *f, struct change *c)
{
    if (c == NULL)
        return;
    undo(f, c->next); /* the last one first */
    set_size(f, c->size_before);
    if (c->old_len != 0)
        put(f, c->old, c->old_len, c->at);
}

/* `sector` 0: whole; else each sector of it comes or not */
static void redo(struct file *f, const struct change *c, size_t sector)
{
    for (size_t done = 0, n; done != c->len; done += n) {
        n = c->len - done;
        if (sector != 0 && n > sector - (size_t)(c->at + (off_t)done) % sector)
            n = sector - (size_t)(c->at + (off_t)done) % sector;
        if (sector == 0 || chance(2) == 0)
            put(f, c->fresh + done, n, c->at + (off_t)done);
    }
    if (c->len == 0)
        set_size(f, c->size_after);
}

static void cut_file(struct file *f, FILE *log)
{
    static const char *const words[] = {"nothing", "everything", "some writes", "small sectors",
                                        "large sectors"};
    unsigned how = chance(5), all = 0, kept = 0;

    if (f->fd == -1)
        return;
    undo(f, f->first);
    for (struct change *c = f->first; c != NULL; c = c->next, ++all) {
        if (how == 0 || (how != 1 && chance(2) == 0))
            continue;
        redo(f, c, how == 3 ? SMALL_SECTOR : how == 4 ? LARGE_SECTOR : 0);
        ++kept;
    }
    if (f->is_new && chance(2) == 0)
        REAL("unlink", int, const char *)(f->path);
    else
        f->is_new = 0;
    if (log != NULL)
        fprintf(log, "%s: %u not synced, %s came (%u)%s\n", f->path, all, words[how], kept,
                f->is_new ? ", the file is gone" : "");
}

static void cut(void)
{
    const char *path = getenv("POWERCUT_LOG");
    FILE *log = path != NULL ? fopen(path, "a") : NULL;

    chance_state = (unsigned long long)number("POWERCUT_SEED");
    chance(2);
    for (size_t i = 0; i != files_len; ++i)
        cut_file(&files[i], log);
    if (log != NULL) {
        fprintf(log, "cut after %ld operations, %ld of them syncs\n", operations, syncs);
        fclose(log);
    }
    raise(SIGKILL);
}

/* -- what the program does; under the lock -- */

static struct file *watched(int fd)
{
    return fd >= 0 && fd < FDS ? of_fd[fd] : NULL;
}

static void count_operation(void)
{
    if (++operations == number("POWERCUT_AT"))
        cut();
}

/* `fresh` NULL: the file is cut, or grows, to `len` */
static void note(struct file *f, const char *fresh, size_t len, off_t at)
{
    struct change *c = calloc(1, sizeof(*c));
    struct stat st;
    off_t end;

    if (fstat(f->fd, &st) != 0)
        abort();
    c->size_before = st.st_size;
    c->at = fresh != NULL ? at : (off_t)len;
    c->size_after = (off_t)len;
    end = fresh != NULL && at + (off_t)len < st.st_size ? at + (off_t)len : st.st_size;
    if (c->at < end) {
        c->old_len = (size_t)(end - c->at);
        c->old = malloc(c->old_len);
        if (pread(f->fd, c->old, c->old_len, c->at) != (ssize_t)c->old_len)
            abort();
    }
    if (fresh != NULL) {
        c->len = len;
        c->fresh = malloc(len);
        memcpy(c->fresh, fresh, len);
    }
    *(f->last != NULL ? &f->last->next : &f->first) = c;
    f->last = c;
}

static int opened(int fd, const char *path, int existed)
{
    struct file *f = NULL;

    if (fd < 0)
        return fd;
    pthread_mutex_lock(&lock);
    if (is_watched(path) || is_its_directory(path))
        f = file_of(fd, path, !existed);
    if (fd < FDS)
        of_fd[fd] = f;
    pthread_mutex_unlock(&lock);
    return fd;
}

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
    struct stat st;
    int existed = stat(path, &st) == 0, err = errno, fd;

    if (existed && (flags & O_TRUNC) && is_watched(path))
        abort(); /* nobody does */
    errno = err;
    fd = REAL(name, int, const char *, int, ...)(path, flags, mode);
    return opened(fd, path, existed);
}

static int sync_as(const char *name, int fd)
{
    struct file *f;
    int done;

    pthread_mutex_lock(&lock);
    if ((f = watched(fd)) != NULL) {
        count_operation();
        ++syncs;
    }
    done = REAL(name, int, int)(fd);
    if (f != NULL && done == 0 && number("POWERCUT_DEAF") == 0) {
        forget(f);
        if (f->fd == -1)
            all_names_are_synced();
    }
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t write_as(const char *name, int fd, const void *bytes, size_t len, off_t at)
{
    struct file *f;
    ssize_t done;

    pthread_mutex_lock(&lock);
    if ((f = watched(fd)) != NULL) {
        count_operation();
        note(f, bytes, len, at);
    }
    done = REAL(name, ssize_t, int, const void *, size_t, off_t)(fd, bytes, len, at);
    pthread_mutex_unlock(&lock);
    if (f != NULL && done != (ssize_t)len)
        abort(); /* a full disk is another test */
    return done;
}

static int truncate_as(const char *name, int fd, off_t size)
{
    struct file *f;
    int done;

    pthread_mutex_lock(&lock);
    if ((f = watched(fd)) != NULL) {
        count_operation();
        note(f, NULL, (size_t)size, 0);
    }
    done = REAL(name, int, int, off_t)(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

/* -- the names -- */

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list more;                                                                                        \
        mode_t mode = 0;                                                                                     \
        va_start(more, flags);                                                                               \
        if (flags & (O_CREAT | __O_TMPFILE))                                                                 \
            mode = va_arg(more, mode_t);                                                                     \
        va_end(more);                                                                                        \
        return open_as(#name, path, flags, mode);                                                            \
    }
OPEN(open)
OPEN(open64)

int fsync(int fd)
{
    return sync_as("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_as("fdatasync", fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return write_as("pwrite", fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
    return write_as("pwrite64", fd, bytes, len, at);
}

/* what is written without a place goes nowhere that is watched: SQLite always says where */
ssize_t write(int fd, const void *bytes, size_t len)
{
    if (watched(fd) != NULL)
        abort();
    return REAL("write", ssize_t, int, const void *, size_t)(fd, bytes, len);
}

int ftruncate(int fd, off_t size)
{
    return truncate_as("ftruncate", fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return truncate_as("ftruncate64", fd, size);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS) {
        pthread_mutex_lock(&lock);
        of_fd[fd] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return REAL("close", int, int)(fd);
}

/* gone at once: nothing of it is put back. An inode that comes again is another file. */
int unlink(const char *path)
{
    struct stat st;
    int there = stat(path, &st) == 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; there && i != files_len; ++i) {
        if (files[i].dev == st.st_dev && files[i].ino == st.st_ino && files[i].fd != -1) {
            forget(&files[i]);
            files[i].is_new = 0;
            files[i].ino = 0;
            REAL("close", int, int)(files[i].fd);
            files[i].fd = -1;
        }
    }
    pthread_mutex_unlock(&lock);
    return REAL("unlink", int, const char *)(path);
}
