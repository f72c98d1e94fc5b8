/* test_log.c -- a line of the log: whole, one, and unforgeable. */
#include "unit.h"

#include <pthread.h>

#include "base/log.h"

enum { THREADS = 4, LINES = 500 };

static int fds[2]; /* lines are written to fds[1] and read from fds[0] */

static int open_pipe(void **state)
{
    (void)state;
    if (pipe(fds) != 0)
        return -1;
    cbx_log_to(fds[1]);
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    cbx_log_to(2);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

/* what came out of one cbx_log, without the time in front */
static const char *line(void)
{
    static char bytes[8192];
    ssize_t len = read(fds[0], bytes, sizeof(bytes) - 1);

    assert_true(len > 0);
    bytes[len] = '\0';
    assert_int_equal(bytes[len - 1], '\n');
    return strchr(bytes, ' ') + 1;
}

static void a_line_has_time_level_event_and_pairs(void **state)
{
    char bytes[256];
    ssize_t len;

    (void)state;
    cbx_log(CBX_LOG_WARN, "listening", "url", "http://127.0.0.1:80", "none", NULL, "n", cbx_log_fmt("%d", 7),
            NULL);
    assert_true((len = read(fds[0], bytes, sizeof(bytes) - 1)) > 0);
    bytes[len] = '\0';
    for (size_t i = 0; i < 24; ++i)
        assert_true("dddd-dd-ddTdd:dd:dd.dddZ"[i] == 'd' ? bytes[i] >= '0' && bytes[i] <= '9'
                                                         : "dddd-dd-ddTdd:dd:dd.dddZ"[i] == bytes[i]);
    assert_string_equal(bytes + 24, " level=warn event=listening url=http://127.0.0.1:80 n=7\n");
}

static void levels_have_names(void **state)
{
    static const char *const want[] = {"level=debug event=e\n", "level=info event=e\n",
                                       "level=warn event=e\n", "level=error event=e\n"};

    (void)state;
    for (int level = CBX_LOG_DEBUG; level <= CBX_LOG_ERROR; ++level) {
        cbx_log((cbx_log_level_t)level, "e", NULL);
        assert_string_equal(line(), want[level]);
    }
}

static void values_are_escaped(void **state)
{
    static const struct {
        const char *value, *logged;
    } rows[] = {
        {"plain-1.2_3/4:5@6+7", "plain-1.2_3/4:5@6+7"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"one\nlevel=error event=forged", "\"one\\nlevel=error event=forged\""},
        {"\r\t", "\"\\x0d\\x09\""},
        {"\x1b[31mred", "\"\\x1b[31mred\""},
        {"\x7f", "\"\\x7f\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\\xc3\\xbc\\xc3\\x9f\""},
        {"\xc2\x9b"
         "31m",
         "\"\\xc2\\x9b31m\""},
        {"\xff\xfe", "\"\\xff\\xfe\""},
    };
    char want[128];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); ++i) {
        cbx_log(CBX_LOG_INFO, "e", "v", rows[i].value, NULL);
        snprintf(want, sizeof(want), "level=info event=e v=%s\n", rows[i].logged);
        assert_string_equal(line(), want);
    }
}

/* whatever its length, a value ends with its quote and the line with its line feed, and the line fits a
 * pipe's write */
static void a_long_line_is_cut_whole(void **state)
{
    static const char filler[] = {'x', '\n', '"', '\x80'};
    char *value = malloc(9001);
    const char *got;
    size_t len;

    (void)state;
    for (size_t i = 0; i < COUNT(filler); ++i) {
        for (size_t cut = 3950; cut < 4100; ++cut) {
            memset(value, filler[i], cut);
            value[cut] = '\0';
            cbx_log(CBX_LOG_INFO, "e", "v", value, "w", "y z", NULL);
            got = line();
            len = strlen(got);
            assert_true(len <= 4096);
            assert_ptr_equal(strchr(got, '\n'), got + len - 1);
            if (filler[i] != 'x')
                assert_int_equal(got[len - 2], '"');
        }
    }
    free(value);
}

static void numbers_have_slots_of_their_own(void **state)
{
    const char *text[8];
    char want[16];

    (void)state;
    for (int i = 0; i < 8; ++i)
        text[i] = cbx_log_fmt("n%d", i);
    for (int i = 0; i < 8; ++i) {
        snprintf(want, sizeof(want), "n%d", i);
        assert_string_equal(text[i], want);
    }
    assert_int_equal(strlen(cbx_log_fmt("%500d", 1)), 159);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; ++i)
        cbx_log(CBX_LOG_INFO, "e", "who", arg, "text", "a few words to make it longer", NULL);
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    static char *const names[THREADS] = {"aaaa", "bbbb", "cccc", "dddd"};
    pthread_t threads[THREADS];
    char bytes[256];
    unsigned char who;
    int seen = 0;
    FILE *in;

    (void)state;
    for (int i = 0; i < THREADS; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    in = fdopen(dup(fds[0]), "r");
    while (seen < THREADS * LINES && fgets(bytes, sizeof(bytes), in) != NULL) {
        assert_int_equal(sscanf(bytes + 25, "level=info event=e who=%c", (char *)&who), 1);
        assert_int_equal(strspn(bytes + 48, (char[]){(char)who, '\0'}), 4);
        assert_string_equal(bytes + 52, " text=\"a few words to make it longer\"\n");
        ++seen;
    }
    for (int i = 0; i < THREADS; ++i)
        pthread_join(threads[i], NULL);
    fclose(in);
    assert_int_equal(seen, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_event_and_pairs, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(levels_have_names, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(values_are_escaped, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_whole, open_pipe, close_pipe),
        cmocka_unit_test(numbers_have_slots_of_their_own),
        cmocka_unit_test_setup_teardown(threads_do_not_mix_their_lines, open_pipe, close_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
