/* proc.c -- see proc.h */
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"

void pids_read(struct pids *pids, const char *list)
{
    pids->count = 0;
    for (char *end; *list != '\0'; list = *end == ',' ? end + 1 : end) {
        long pid = strtol(list, &end, 10);
        if (pid <= 0 || (*end != ',' && *end != '\0') || pids->count == PIDS_MAX)
            die("%s: no list of process ids", list);
        pids->pid[pids->count++] = (int)pid;
    }
}

static FILE *open_proc(int pid, const char *name)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    if ((file = fopen(path, "r")) == NULL)
        die("%s: %s", path, strerror(errno));
    return file;
}

struct cpu cpu_of(const struct pids *pids)
{
    struct cpu cpu = {0};
    char line[1024], *at;
    unsigned long user, sys;
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);

    for (int i = 0; i != pids->count; ++i) {
        FILE *file = open_proc(pids->pid[i], "stat");
        if (fgets(line, sizeof(line), file) == NULL || (at = strrchr(line, ')')) == NULL ||
            sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
            die("/proc/%d/stat: cannot be read", pids->pid[i]);
        fclose(file);
        cpu.user += (double)user * tick;
        cpu.all += (double)(user + sys) * tick;
    }
    return cpu;
}

struct memory memory_of(const struct pids *pids)
{
    struct memory m = {0};
    char line[256];
    long kb;

    for (int i = 0; i != pids->count; ++i) {
        FILE *file = open_proc(pids->pid[i], "smaps_rollup");
        while (fgets(line, sizeof(line), file) != NULL) {
            if (sscanf(line, "Rss: %ld", &kb) == 1)
                m.rss += kb;
            else if (sscanf(line, "Pss: %ld", &kb) == 1)
                m.pss += kb;
            else if (sscanf(line, "Private_Clean: %ld", &kb) == 1 ||
                     sscanf(line, "Private_Dirty: %ld", &kb) == 1)
                m.private += kb;
        }
        fclose(file);
    }
    return m;
}

double cpu_own(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* the number behind `format` in the file, the first one; 0: it is not there */
static long number_in(const char *path, const char *format)
{
    char line[256];
    long value = 0;
    FILE *file = fopen(path, "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL && sscanf(line, format, &value) != 1)
        ;
    if (file != NULL)
        fclose(file);
    return value;
}

long kernel_kb(void)
{
    long pages = number_in("/proc/net/sockstat", "TCP: inuse %*d orphan %*d tw %*d alloc %*d mem %ld");

    return number_in("/proc/meminfo", "Slab: %ld") + pages * (sysconf(_SC_PAGESIZE) / 1024);
}
