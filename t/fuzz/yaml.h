/* yaml.h -- bytes as a configuration file that lies nowhere. */
#ifndef cbx_fuzz_yaml_h
#define cbx_fuzz_yaml_h

#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/yaml.h"

/* Could it name other files (`!file`)? The fuzzer must not read the machine it runs on. % may spell the same;
 * NUL is how UTF-16 would. */
static inline bool may_include(const uint8_t *data, size_t size)
{
    return memmem(data, size, "!file", 5) != NULL || memchr(data, '%', size) != NULL ||
           memchr(data, 0, size) != NULL;
}

static inline yoml_t *load_bytes(const void *bytes, size_t len, char *why, size_t why_len)
{
    char path[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    yoml_t *tree;

    MUST(fd != -1 && write(fd, bytes, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    tree = cbx_yaml_load(path, why, why_len);
    close(fd);
    return tree;
}

#endif
