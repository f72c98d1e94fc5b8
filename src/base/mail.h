/* mail.h -- letters between threads: many write, one reads, first in first out.
 *
 * A letter is embedded in what it carries and knows what to do on arrival (`deliver`, on the reader's
 * thread). A mailbox that goes from empty to full wakes its reader once; further letters ride along. To post
 * is to give away.
 */
#ifndef cbx_base_mail_h
#define cbx_base_mail_h

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cbx_mail cbx_mail_t;
struct cbx_mail {
    cbx_mail_t *next;
    void (*deliver)(cbx_mail_t *self, void *reader); /* runs on the reader's thread and owns `self` */
};

typedef struct cbx_mailbox {
    pthread_mutex_t lock;
    cbx_mail_t *first, **last;
    size_t count;            /* letters inside; read under the lock */
    void (*wake)(void *arg); /* any thread */
    void *arg;
} cbx_mailbox_t;

/* `wake(arg)` is called on the poster's thread whenever the box was empty before */
void cbx_mailbox_init(cbx_mailbox_t *box, void (*wake)(void *arg), void *arg);
/* the box must be empty; reader's thread */
void cbx_mailbox_dispose(cbx_mailbox_t *box);

/* takes the letter; any thread */
void cbx_mailbox_post(cbx_mailbox_t *box, cbx_mail_t *mail);
/* takes the letter and returns true, or, where `limit` letters wait already, leaves it to the caller; any
 * thread */
bool cbx_mailbox_try_post(cbx_mailbox_t *box, cbx_mail_t *mail, size_t limit);

/* gives all letters, oldest first, linked by `next`; NULL: none; reader's thread */
cbx_mail_t *cbx_mailbox_take(cbx_mailbox_t *box);
/* takes all letters and delivers each to `reader`; returns how many; reader's thread */
size_t cbx_mailbox_deliver(cbx_mailbox_t *box, void *reader);

#endif
