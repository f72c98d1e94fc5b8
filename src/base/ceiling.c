/* ceiling.c -- the limits of memory that can be seen before they are hit.
 *
 *  - of the process: RLIMIT_AS and RLIMIT_DATA (ulimit -v, -d). They count addresses, so what malloc has but
 *    does not use is not used;
 *  - of its control group, version 2, and of those above: memory.max (MemoryMax= of systemd, -m of Docker),
 * where the kernel kills, and memory.high, where it slows down. They count pages, those of files among them,
 * which the kernel takes back by itself before it comes to that: these are not counted here.
 *
 * Who operates the server may move them while it runs, so they are read each time. Who is in which group is
 * read once. A machine without a limit has none here either: how full it is, is not for us to judge.
 */
#include "base/ceiling.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

/* a turn of a worker reads 256 connections (as many as H2O asks epoll for) of 64 KB each (server/worker.c)
 * before anybody looks again */
#define TURN_BYTES (INT64_C(16) << 20)

enum {
    GROUPS_MAX = 16, /* above each other; systemd makes three or four */
    PATH_BYTES = 1024,
    STAT_BYTES = 8192 /* memory.stat: 2 KB today */
};

static int64_t least; /* what should be left of a limit that is not large */

/* What should be left: what those who are here need to go on. Of a small limit a quarter must do. */
static int64_t reserve_of(int64_t max)
{
    int64_t reserve = max / 20 > least ? max / 20 : least;

    return reserve < max / 4 ? reserve : max / 4;
}

struct group {
    int max, high, current, stat; /* descriptors; -1: there is none */
};

static struct group groups[GROUPS_MAX]; /* that limit memory, our own first */
static size_t groups_len;
static int statm = -1; /* /proc/self/statm */

/* a whole small file, with a NUL behind; false: it cannot be read */
static bool read_file(int fd, char *text, size_t size)
{
    ssize_t len = fd != -1 ? pread(fd, text, size - 1, 0) : -1;

    text[len > 0 ? len : 0] = '\0';
    return len > 0;
}

/* INT64_MAX for "max", and where there is nothing to read */
static int64_t read_number(int fd)
{
    char text[32];
    int64_t value;

    return read_file(fd, text, sizeof(text)) && sscanf(text, "%" SCNd64, &value) == 1 ? value : INT64_MAX;
}

/* -- where they stand -- */

static int open_file(const char *dir, const char *name)
{
    char path[PATH_BYTES];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* the path of our group, in the line that begins with "0::"; at the root it is empty */
static bool read_own_group(char path[PATH_BYTES])
{
    char text[4096], *line = text, *end;
    int fd = open_file("/proc/self", "cgroup");
    bool there = read_file(fd, text, sizeof(text));

    if (fd != -1)
        close(fd);
    while (there && strncmp(line, "0::/", 4) != 0) {
        there = (line = strchr(line, '\n')) != NULL;
        line += there;
    }
    if (!there)
        return false;
    if ((end = strchr(line, '\n')) != NULL)
        *end = '\0';
    line += strcmp(line, "0::/") == 0 ? 4 : 3;
    return (size_t)snprintf(path, PATH_BYTES, "%s%s", CGROUPS, line) < PATH_BYTES;
}

static void find_groups(void)
{
    char path[PATH_BYTES];

    if (!read_own_group(path))
        return;
    while (groups_len != GROUPS_MAX && strlen(path) >= strlen(CGROUPS)) {
        struct group group = {.max = open_file(path, "memory.max")};
        if (group.max != -1) {
            group.high = open_file(path, "memory.high");
            group.current = open_file(path, "memory.current");
            group.stat = open_file(path, "memory.stat");
            groups[groups_len++] = group;
        }
        *strrchr(path, '/') = '\0';
    }
}

static int64_t rlimit_of(int resource)
{
    struct rlimit limit;

    return getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur < INT64_MAX
               ? (int64_t)limit.rlim_cur
               : INT64_MAX;
}

void cbx_ceiling_find(unsigned workers)
{
    least = workers * TURN_BYTES;
    find_groups();
    statm = open_file("/proc/self", "statm");
    /* glibc takes 64 MB of addresses for each thread, and none may use what another one has left */
    if (rlimit_of(RLIMIT_AS) != INT64_MAX || rlimit_of(RLIMIT_DATA) != INT64_MAX)
        mallopt(M_ARENA_MAX, 1);
}

/* -- how much is left -- */

static void consider(cbx_ceiling_t *nearest, const char *name, int64_t max, int64_t used)
{
    cbx_ceiling_t limit = {name, max, max - used, reserve_of(max)};

    if (nearest->name == NULL || limit.left - limit.reserve < nearest->left - nearest->reserve)
        *nearest = limit;
}

/* what malloc has is only asked for when it matters: that takes as long as there are free pieces */
static void consider_addresses(cbx_ceiling_t *nearest, const char *name, int64_t max, int64_t used)
{
    if (max - used < 2 * reserve_of(max))
        used -= (int64_t)mallinfo2().fordblks;
    consider(nearest, name, max, used);
}

static void consider_rlimits(cbx_ceiling_t *nearest)
{
    int64_t as = rlimit_of(RLIMIT_AS), data = rlimit_of(RLIMIT_DATA), size, data_used, page = getpagesize();
    char text[128];

    if ((as == INT64_MAX && data == INT64_MAX) || !read_file(statm, text, sizeof(text)) ||
        sscanf(text, "%" SCNd64 " %*d %*d %*d %*d %" SCNd64, &size, &data_used) != 2)
        return;
    if (as != INT64_MAX)
        consider_addresses(nearest, "RLIMIT_AS", as, size * page);
    if (data != INT64_MAX)
        consider_addresses(nearest, "RLIMIT_DATA", data, data_used * page);
}

static int64_t stat_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static void consider_group(cbx_ceiling_t *nearest, const struct group *group)
{
    int64_t max = read_number(group->max), high = read_number(group->high), used;
    char text[STAT_BYTES];

    if ((max == INT64_MAX && high == INT64_MAX) || (used = read_number(group->current)) == INT64_MAX)
        return;
    if (read_file(group->stat, text, sizeof(text)))
        used -= stat_of(text, "\ninactive_file ") + stat_of(text, "\nactive_file ");
    if (max <= high)
        consider(nearest, "memory.max", max, used);
    else
        consider(nearest, "memory.high", high, used);
}

bool cbx_ceiling_nearest(cbx_ceiling_t *nearest)
{
    *nearest = (cbx_ceiling_t){NULL, 0, 0, 0};
    consider_rlimits(nearest);
    for (size_t i = 0; i != groups_len; ++i)
        consider_group(nearest, &groups[i]);
    return nearest->name != NULL;
}
