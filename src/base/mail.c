/* mail.c -- a mailbox is a list under a mutex: held for a few instructions, so a lock-free queue would buy
 * nothing. */
#include "base/mail.h"

#include "base/error.h"

void cbx_mailbox_init(cbx_mailbox_t *box, void (*wake)(void *arg), void *arg)
{
    pthread_mutex_init(&box->lock, NULL);
    box->first = NULL;
    box->last = &box->first;
    box->count = 0;
    box->wake = wake;
    box->arg = arg;
}

void cbx_mailbox_dispose(cbx_mailbox_t *box)
{
    CBX_ASSERT(box->first == NULL);
    pthread_mutex_destroy(&box->lock);
}

bool cbx_mailbox_try_post(cbx_mailbox_t *box, cbx_mail_t *mail, size_t limit)
{
    size_t before;

    mail->next = NULL;
    pthread_mutex_lock(&box->lock);
    if ((before = box->count) < limit) {
        *box->last = mail;
        box->last = &mail->next;
        ++box->count;
    }
    pthread_mutex_unlock(&box->lock);
    if (before == 0 && limit != 0)
        box->wake(box->arg);
    return before < limit;
}

void cbx_mailbox_post(cbx_mailbox_t *box, cbx_mail_t *mail)
{
    bool posted = cbx_mailbox_try_post(box, mail, SIZE_MAX);

    CBX_ASSERT(posted);
}

cbx_mail_t *cbx_mailbox_take(cbx_mailbox_t *box)
{
    cbx_mail_t *mail;

    pthread_mutex_lock(&box->lock);
    mail = box->first;
    box->first = NULL;
    box->last = &box->first;
    box->count = 0;
    pthread_mutex_unlock(&box->lock);
    return mail;
}

size_t cbx_mailbox_deliver(cbx_mailbox_t *box, void *reader)
{
    cbx_mail_t *mail = cbx_mailbox_take(box), *next;
    size_t n = 0;

    for (; mail != NULL; mail = next, ++n) {
        next = mail->next;
        mail->deliver(mail, reader);
    }
    return n;
}
