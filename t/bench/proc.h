/* proc.h -- what the measured processes, and the kernel for them, have used: from /proc. */
#ifndef cbx_bench_proc_h
#define cbx_bench_proc_h

enum { PIDS_MAX = 64 };

/* processes: a server and its workers */
struct pids {
    int count, pid[PIDS_MAX];
};

struct cpu {
    double user, all; /* s, of all threads */
};

struct memory {
    long rss, pss, private; /* kB */
};

/* from "12,13" */
void pids_read(struct pids *pids, const char *list);
struct cpu cpu_of(const struct pids *pids);
struct memory memory_of(const struct pids *pids);

/* this process's, s */
double cpu_own(void);

/* kB of the whole machine that sockets and what belongs to them can lie in: slabs (sockets, inodes, files,
 * epoll's items) and the buffers of TCP. Who else works on the machine is in it, too */
long kernel_kb(void);

#endif
