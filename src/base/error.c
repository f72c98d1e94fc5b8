/* error.c -- the vocabulary of errors as tables, and the end of a broken invariant. */
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *code;
    int status;
    const char *title;
} errors[] = {
#define ROW(name, code_, status_, title_) [CBX_ERR_##name] = {code_, status_, title_},
    CBX_ERRORS(ROW)
#undef ROW
};

const char *cbx_err_code(cbx_err_t err)
{
    CBX_ASSERT(err > CBX_OK && err < CBX_ERR_COUNT);
    return errors[err].code;
}

int cbx_err_status(cbx_err_t err)
{
    CBX_ASSERT(err > CBX_OK && err < CBX_ERR_COUNT);
    return errors[err].status;
}

const char *cbx_err_title(cbx_err_t err)
{
    CBX_ASSERT(err > CBX_OK && err < CBX_ERR_COUNT);
    return errors[err].title;
}

void cbx_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "chatterbox: broken invariant: %s at %s:%d\n", what, file, line);
    abort();
}
