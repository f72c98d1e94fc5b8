/* test_corpus.c -- every input that the fuzzers start with or have found, without libFuzzer.
 *
 * Each file of t/fuzz/corpus goes through all fuzzers' entry points, not its own alone; and through its own
 * cut off, as a full disk or a lost connection would cut it. The assertions are the fuzzers' own; one that
 * breaks ends the process and names its place.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LLVMFuzzerTestOneInput fuzz_one_config
#include "../fuzz/fuzz_config.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_core
#include "../fuzz/fuzz_core.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_deflate
#include "../fuzz/fuzz_deflate.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_directives
#include "../fuzz/fuzz_directives.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_frames
#include "../fuzz/fuzz_frames.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_header
#include "../fuzz/fuzz_header.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_http
#include "../fuzz/fuzz_http.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_json
#include "../fuzz/fuzz_json.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_request
#include "../fuzz/fuzz_request.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_one_token
#include "../fuzz/fuzz_token.c"
#undef LLVMFuzzerTestOneInput

enum { FILE_MAX = 1 << 20 };

/* a folder of the corpus and who reads it; `cuts`: of each file, which is what a second or two allows;
 * `alone`: those of others take too long, or memory that is never freed */
static const struct fuzzer {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
    size_t cuts;
    bool alone;
} fuzzers[] = {
    {"config", fuzz_one_config, 16, false},    {"core", fuzz_one_core, 1, true},
    {"deflate", fuzz_one_deflate, 64, false},  {"directives", fuzz_one_directives, 4, true},
    {"frames", fuzz_one_frames, 8, false},     {"header", fuzz_one_header, 512, false},
    {"http", fuzz_one_http, 8, false},         {"json", fuzz_one_json, 512, false},
    {"request", fuzz_one_request, 512, false}, {"token", fuzz_one_token, 8, false},
};

enum { FUZZERS = sizeof(fuzzers) / sizeof(fuzzers[0]) };

static void replay(const struct fuzzer *fuzzer, const char *bytes, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0)); /* exactly as large, so that a sanitizer sees a byte too far */

    memcpy(copy, bytes, len);
    fuzzer->run(copy, len);
    free(copy);
}

static void replay_file(const struct fuzzer *own, const char *path)
{
    char *bytes = malloc(FILE_MAX);
    FILE *file = fopen(path, "rb");
    size_t len, step;

    assert_non_null(file);
    len = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    print_message("# %s\n", path); /* the last one named is the one that ended the process */
    for (size_t i = 0; i != FUZZERS; ++i)
        if (&fuzzers[i] == own || !fuzzers[i].alone)
            replay(&fuzzers[i], bytes, len);
    step = 1 + len / own->cuts;
    for (size_t cut = 0; cut < len; cut += step)
        replay(own, bytes, cut);
    free(bytes);
}

/* the corpus lies beside this file, wherever the test is run */
static void replay_folder(void **state)
{
    const struct fuzzer *own = *state;
    char folder[4096], path[8192];
    const char *slash = strrchr(__FILE__, '/');
    struct dirent *entry;
    int files = 0;
    DIR *dir;

    snprintf(folder, sizeof(folder), "%.*s/../fuzz/corpus/%s", slash != NULL ? (int)(slash - __FILE__) : 1,
             slash != NULL ? __FILE__ : ".", own->name);
    assert_non_null(dir = opendir(folder));
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(own, path);
        ++files;
    }
    closedir(dir);
    assert_true(files >= 11);
}

int main(void)
{
    struct CMUnitTest tests[FUZZERS];

    for (size_t i = 0; i != FUZZERS; ++i)
        tests[i] = (struct CMUnitTest){fuzzers[i].name, replay_folder, NULL, NULL, (void *)&fuzzers[i]};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
