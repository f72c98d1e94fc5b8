/* test_corpus.c -- every input that the fuzzers start with or have found, without libFuzzer.
 *
 * Each file of t/fuzz/corpus goes through all fuzzers' entry points, not its own alone: whole, and cut off
 * behind each of its first bytes, as a full disk or a lost connection would cut it. The assertions are the
 * fuzzers' own; one that breaks ends the process and names its place.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LLVMFuzzerTestOneInput fuzz_one_json
#include "../fuzz/fuzz_json.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_request
#include "../fuzz/fuzz_request.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_token
#include "../fuzz/fuzz_token.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_config
#include "../fuzz/fuzz_config.c"
#undef LLVMFuzzerTestOneInput

enum { CUTS_MAX = 512, FILE_MAX = 1 << 20 };

static void replay(const char *bytes, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0)); /* exactly as large, so that a sanitizer sees a byte too far */

    memcpy(copy, bytes, len);
    fuzz_one_json(copy, len);
    fuzz_one_request(copy, len);
    fuzz_one_token(copy, len);
    fuzz_one_config(copy, len);
    free(copy);
}

static void replay_file(const char *path)
{
    char *bytes = malloc(FILE_MAX);
    FILE *file = fopen(path, "rb");
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    print_message("# %s\n", path); /* the last one named is the one that ended the process */
    replay(bytes, len);
    for (size_t cut = 0; cut < len && cut < CUTS_MAX; ++cut)
        replay(bytes, cut);
    free(bytes);
}

/* the corpus lies beside this file, wherever the test is run */
static void replay_folder(const char *name)
{
    char folder[4096], path[8192];
    const char *slash = strrchr(__FILE__, '/');
    struct dirent *entry;
    int files = 0;
    DIR *dir;

    snprintf(folder, sizeof(folder), "%.*s/../fuzz/corpus/%s", slash != NULL ? (int)(slash - __FILE__) : 1,
             slash != NULL ? __FILE__ : ".", name);
    assert_non_null(dir = opendir(folder));
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(path);
        ++files;
    }
    closedir(dir);
    assert_true(files >= 12);
}

static void frames_hold(void **state)
{
    (void)state;
    replay_folder("request");
}

static void objects_hold(void **state)
{
    (void)state;
    replay_folder("json");
}

static void tokens_hold(void **state)
{
    (void)state;
    replay_folder("token");
}

static void configurations_hold(void **state)
{
    (void)state;
    replay_folder("config");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_hold),
        cmocka_unit_test(objects_hold),
        cmocka_unit_test(tokens_hold),
        cmocka_unit_test(configurations_hold),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
