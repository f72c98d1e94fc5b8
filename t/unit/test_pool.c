/* test_pool.c -- jobs that can wait: all come home, slow ones leave room, too many are refused. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/pool.h"

enum { THREADS = 4, JOBS = 2000, PATIENCE = 20 }; /* s */

/* where jobs come home: a box and a condition that its wake signals */
static struct home {
    cbx_mailbox_t box;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    bool full;
    int seen;
    bool ending; /* then slow ones may come home undone */
    pthread_t thread;
} home;

static cbx_pool_t *pool; /* one a process: libuv's threads are */

/* a gate that jobs stand at until the test opens it */
static struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int inside, most; /* slow jobs that run now, and the most there ever were */
} gate;

typedef struct task {
    cbx_job_t job;
    int number;
    bool ran;
} task_t;

static void deadline(struct timespec *at)
{
    clock_gettime(CLOCK_REALTIME, at);
    at->tv_sec += PATIENCE;
}

static void on_wake(void *arg)
{
    struct home *h = arg;

    pthread_mutex_lock(&h->lock);
    h->full = true;
    pthread_cond_signal(&h->filled);
    pthread_mutex_unlock(&h->lock);
}

static void on_home(cbx_mail_t *mail, void *reader)
{
    task_t *task = (task_t *)mail;

    assert_ptr_equal(reader, &home);
    assert_true(pthread_equal(pthread_self(), home.thread));
    assert_true(task->ran || (home.ending && task->job.slow));
    ++home.seen;
    free(task);
}

/* delivers until `n` jobs came home */
static void await_home(int n)
{
    struct timespec until;

    deadline(&until);
    while (cbx_mailbox_deliver(&home.box, &home), home.seen < n) {
        pthread_mutex_lock(&home.lock);
        while (!home.full)
            assert_int_equal(pthread_cond_timedwait(&home.filled, &home.lock, &until), 0);
        home.full = false;
        pthread_mutex_unlock(&home.lock);
    }
}

static void run_at_once(cbx_job_t *job)
{
    ((task_t *)job)->ran = true;
}

static void run_at_gate(cbx_job_t *job)
{
    pthread_mutex_lock(&gate.lock);
    if (++gate.inside > gate.most)
        gate.most = gate.inside;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    --gate.inside;
    pthread_mutex_unlock(&gate.lock);
    ((task_t *)job)->ran = true;
}

static void await_inside(int n)
{
    struct timespec until;

    deadline(&until);
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < n)
        assert_int_equal(pthread_cond_timedwait(&gate.changed, &gate.lock, &until), 0);
    pthread_mutex_unlock(&gate.lock);
}

static void set_gate(bool open)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = open;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static task_t *task_new(void (*run)(cbx_job_t *job), bool slow)
{
    task_t *task = calloc(1, sizeof(*task));

    task->job.mail.deliver = on_home;
    task->job.home = &home.box;
    task->job.run = run;
    task->job.slow = slow;
    return task;
}

static void submit(void (*run)(cbx_job_t *job), bool slow)
{
    assert_int_equal(cbx_pool_submit(pool, &task_new(run, slow)->job), CBX_OK);
}

static int open_pool(void **state)
{
    (void)state;
    home.thread = pthread_self();
    pthread_mutex_init(&home.lock, NULL);
    pthread_cond_init(&home.filled, NULL);
    pthread_mutex_init(&gate.lock, NULL);
    pthread_cond_init(&gate.changed, NULL);
    cbx_mailbox_init(&home.box, on_wake, &home);
    pool = cbx_pool_create(THREADS);
    return pool != NULL ? 0 : -1;
}

static void every_job_runs_and_comes_home(void **state)
{
    (void)state;
    home.seen = 0;
    for (int i = 0; i < JOBS; ++i) {
        submit(run_at_once, i % 3 == 0);
        if (i % 100 == 99)
            await_home(i + 1);
    }
    await_home(JOBS);
    assert_int_equal(home.seen, JOBS);
}

static void slow_jobs_take_half_the_threads(void **state)
{
    (void)state;
    home.seen = 0;
    set_gate(false);
    for (int i = 0; i < 3 * THREADS; ++i)
        submit(run_at_gate, true);
    await_inside(THREADS / 2);
    for (int i = 0; i < 10; ++i)
        submit(run_at_once, false);
    await_home(10); /* though all slow ones stand at the gate */
    set_gate(true);
    await_home(10 + 3 * THREADS);
    assert_int_equal(gate.most, THREADS / 2);
}

static void too_many_waiting_are_refused(void **state)
{
    task_t *refused = task_new(run_at_once, false);
    int taken = 0;

    (void)state;
    home.seen = 0;
    set_gate(false);
    for (int i = 0; i < THREADS; ++i)
        submit(run_at_gate, false);
    await_inside(THREADS);
    while (cbx_pool_submit(pool, &refused->job) == CBX_OK) {
        ++taken;
        refused = task_new(run_at_once, false);
    }
    assert_int_equal(taken, 1024);
    assert_int_equal(cbx_pool_submit(pool, &refused->job), CBX_ERR_RATE_LIMITED);
    set_gate(true);
    await_home(THREADS + taken);
    assert_int_equal(cbx_pool_submit(pool, &refused->job), CBX_OK); /* and welcome again */
    await_home(THREADS + taken + 1);
}

static void slow_ones_leave_room_for_others(void **state)
{
    task_t *refused = task_new(run_at_once, true);
    int taken = 0;

    (void)state;
    home.seen = 0;
    set_gate(false);
    for (int i = 0; i < THREADS / 2; ++i)
        submit(run_at_gate, true);
    await_inside(THREADS / 2);
    while (cbx_pool_submit(pool, &refused->job) == CBX_OK) {
        ++taken;
        refused = task_new(run_at_once, true);
    }
    assert_int_equal(taken, 64);
    submit(run_at_once, false);
    await_home(1);
    set_gate(true);
    await_home(THREADS / 2 + taken + 1);
    assert_int_equal(cbx_pool_submit(pool, &refused->job), CBX_OK);
    await_home(THREADS / 2 + taken + 2);
}

/* all come home, though slow ones that have not begun may come undone */
static void freeing_waits_for_all(void **state)
{
    (void)state;
    home.seen = 0;
    home.ending = true;
    for (int i = 0; i < 200; ++i)
        submit(run_at_once, i % 4 == 0);
    cbx_pool_free(pool);
    cbx_mailbox_deliver(&home.box, &home);
    assert_int_equal(home.seen, 200);
    cbx_mailbox_dispose(&home.box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_and_comes_home), cmocka_unit_test(slow_jobs_take_half_the_threads),
        cmocka_unit_test(too_many_waiting_are_refused),  cmocka_unit_test(slow_ones_leave_room_for_others),
        cmocka_unit_test(freeing_waits_for_all),
    };

    return cmocka_run_group_tests(tests, open_pool, NULL);
}
