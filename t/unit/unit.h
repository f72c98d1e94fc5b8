/* unit.h -- what every unit test starts with: cmocka, a directory of its own, and waiting without sleeping
 * blindly. */
#ifndef cbx_unit_h
#define cbx_unit_h

/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* a path in the test's own directory, made at first use; one of 8 buffers */
static inline const char *scratch(const char *name)
{
    static char dir[64], paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    if (dir[0] == '\0') {
        strcpy(dir, "/tmp/chatterbox-unit-XXXXXX");
        assert_non_null(mkdtemp(dir));
    }
    snprintf(path, sizeof(paths[0]), "%s%s%s", dir, *name != '\0' ? "/" : "", name);
    return path;
}

/* removes the directory and the files in it; a group's teardown */
static inline int remove_scratch(void **state)
{
    char dir[64], file[512];
    struct dirent *entry;
    DIR *d;

    (void)state;
    snprintf(dir, sizeof(dir), "%s", scratch(""));
    if ((d = opendir(dir)) == NULL)
        return -1;
    while ((entry = readdir(d)) != NULL) {
        snprintf(file, sizeof(file), "%s/%s", dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && remove(file) != 0)
            perror(file);
    }
    closedir(d);
    return rmdir(dir);
}

/* the bytes of a file (malloc'ed, with a NUL behind), or NULL */
static inline char *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *bytes;
    struct stat st;

    if (f == NULL)
        return NULL;
    assert_int_equal(fstat(fileno(f), &st), 0);
    bytes = malloc((size_t)st.st_size + 1);
    *len = fread(bytes, 1, (size_t)st.st_size, f);
    bytes[*len] = '\0';
    fclose(f);
    return bytes;
}

#endif
