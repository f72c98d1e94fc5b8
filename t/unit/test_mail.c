/* test_mail.c -- letters between threads: none lost, none twice, each sender's in order, one wake for each
 * filling. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mail.h"

enum { SENDERS = 4, LETTERS = 20000 };

typedef struct letter {
    cbx_mail_t mail;
    int sender, number;
} letter_t;

typedef struct reader {
    cbx_mailbox_t box;
    atomic_int wakes;
    int next[SENDERS]; /* the number that should come next */
    int seen;
} reader_t;

static void on_wake(void *arg)
{
    atomic_fetch_add(&((reader_t *)arg)->wakes, 1);
}

static void on_letter(cbx_mail_t *mail, void *arg)
{
    letter_t *letter = (letter_t *)mail;
    reader_t *reader = arg;

    assert_int_equal(letter->number, reader->next[letter->sender]);
    ++reader->next[letter->sender];
    ++reader->seen;
    free(letter);
}

static letter_t *letter_new(int sender, int number)
{
    letter_t *letter = calloc(1, sizeof(*letter));

    letter->mail.deliver = on_letter;
    letter->sender = sender;
    letter->number = number;
    return letter;
}

static int open_box(void **state)
{
    reader_t *reader = calloc(1, sizeof(*reader));

    cbx_mailbox_init(&reader->box, on_wake, reader);
    *state = reader;
    return 0;
}

static int close_box(void **state)
{
    cbx_mailbox_dispose(&((reader_t *)*state)->box);
    free(*state);
    return 0;
}

static void letters_arrive_in_order(void **state)
{
    reader_t *reader = *state;

    assert_null(cbx_mailbox_take(&reader->box));
    assert_int_equal(cbx_mailbox_deliver(&reader->box, reader), 0);
    for (int i = 0; i < 10; ++i)
        cbx_mailbox_post(&reader->box, &letter_new(0, i)->mail);
    assert_int_equal(cbx_mailbox_deliver(&reader->box, reader), 10);
    assert_int_equal(reader->next[0], 10);
    assert_null(cbx_mailbox_take(&reader->box));
}

static void a_filling_wakes_once(void **state)
{
    reader_t *reader = *state;

    for (int round = 1; round <= 3; ++round) {
        for (int i = 0; i < 5; ++i) {
            cbx_mailbox_post(&reader->box, &letter_new(0, reader->next[0] + i)->mail);
            assert_int_equal(reader->wakes, round);
        }
        assert_int_equal(cbx_mailbox_deliver(&reader->box, reader), 5);
        assert_int_equal(reader->wakes, round);
    }
}

static void a_full_box_leaves_the_letter(void **state)
{
    reader_t *reader = *state;
    letter_t *third = letter_new(0, 2);

    assert_false(cbx_mailbox_try_post(&reader->box, &third->mail, 0));
    assert_int_equal(reader->wakes, 0);
    assert_true(cbx_mailbox_try_post(&reader->box, &letter_new(0, 0)->mail, 2));
    assert_true(cbx_mailbox_try_post(&reader->box, &letter_new(0, 1)->mail, 2));
    assert_false(cbx_mailbox_try_post(&reader->box, &third->mail, 2));
    assert_int_equal(reader->wakes, 1);
    assert_int_equal(cbx_mailbox_deliver(&reader->box, reader), 2);
    assert_true(cbx_mailbox_try_post(&reader->box, &third->mail, 2));
    assert_int_equal(cbx_mailbox_deliver(&reader->box, reader), 1);
}

typedef struct sender {
    reader_t *reader;
    int number;
} sender_t;

static void *send_all(void *arg)
{
    sender_t *sender = arg;

    for (int i = 0; i < LETTERS; ++i)
        cbx_mailbox_post(&sender->reader->box, &letter_new(sender->number, i)->mail);
    return NULL;
}

static void many_senders_keep_their_order(void **state)
{
    reader_t *reader = *state;
    sender_t senders[SENDERS];
    pthread_t threads[SENDERS];
    int fillings = 0;

    for (int i = 0; i < SENDERS; ++i) {
        senders[i] = (sender_t){reader, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    while (reader->seen < SENDERS * LETTERS)
        fillings += cbx_mailbox_deliver(&reader->box, reader) != 0;
    for (int i = 0; i < SENDERS; ++i)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SENDERS; ++i)
        assert_int_equal(reader->next[i], LETTERS);
    assert_int_equal(reader->wakes, fillings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(letters_arrive_in_order, open_box, close_box),
        cmocka_unit_test_setup_teardown(a_filling_wakes_once, open_box, close_box),
        cmocka_unit_test_setup_teardown(a_full_box_leaves_the_letter, open_box, close_box),
        cmocka_unit_test_setup_teardown(many_senders_keep_their_order, open_box, close_box),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
