/* files.c -- the secret, the pid file, the logs.
 *
 * Main thread. Nothing is made before everything was checked. H2O's library opens its access logs itself and
 * has no way to open them again, so we look up which descriptors they got (device and inode tell) and put a
 * fresh file under the same number: dup3 is atomic, and a line goes either to the old file or to the new one.
 */
#include "server/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/token.h"

#define SECRET_MIN 32
#define SECRET_MAX 4096

/* the logs that are files, each with the descriptor that it is written through */
static struct log_file {
    struct log_file *next;
    const char *path; /* lent by the configuration's tree */
    int fd;
} * logs;

static int error_log = -1; /* file or pipe */
static int pid_fd = -1;
static const char *pid_path;

/* -- before anything is made -- */

/* could the file be written, or made? */
static bool check_writable(const yoml_t *path, const char *command)
{
    char *copy = cbx_strdup(path->data.scalar);
    const char *dir = dirname(copy);
    struct stat st;
    bool there = stat(path->data.scalar, &st) == 0;
    bool ok =
        there ? !S_ISDIR(st.st_mode) && access(path->data.scalar, W_OK) == 0 : access(dir, W_OK | X_OK) == 0;

    if (!ok && there)
        cbx_config_complain(path, command, "cannot write the file %s: %s", path->data.scalar,
                            S_ISDIR(st.st_mode) ? "it is a directory" : strerror(errno));
    else if (!ok)
        cbx_config_complain(path, command, "cannot make the file %s in %s: %s", path->data.scalar, dir,
                            strerror(errno));
    free(copy);
    return ok;
}

static bool check_log(const yoml_t *path, void *arg)
{
    return check_writable(path, arg);
}

/* reads the secret into `text`, its length without the last line feed into `*len`; false: there is none, or
 * there was a complaint */
static bool read_secret(const yoml_t *path, char text[SECRET_MAX + 1], size_t *len, bool *none)
{
    const char *name = path->data.scalar;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    ssize_t n = -1;

    *none = fd == -1 && errno == ENOENT;
    if (*none)
        return false;
    if (fd != -1 && fstat(fd, &st) == 0)
        n = read(fd, text, SECRET_MAX + 1);
    if (n < 0)
        cbx_config_complain(path, "chatterbox.token-secret-file", "cannot read %s: %s", name,
                            strerror(errno));
    if (fd != -1)
        close(fd);
    if (n < 0)
        return false;
    *len = (size_t)n - (n > 0 && text[n - 1] == '\n');
    if (st.st_mode & S_IRWXO)
        cbx_config_complain(path, "chatterbox.token-secret-file", "%s is open to everybody; chmod 600 %s",
                            name, name);
    else if (*len < SECRET_MIN || n > SECRET_MAX)
        cbx_config_complain(
            path, "chatterbox.token-secret-file",
            "%s must hold %d to %d bytes; remove it, and a good one is made at the next start", name,
            SECRET_MIN, SECRET_MAX);
    else
        return true;
    return false;
}

static bool check_secret(const cbx_config_t *config)
{
    char text[SECRET_MAX + 1];
    bool none, good;
    size_t len;

    if (config->token_secret_file == NULL)
        return true;
    good = read_secret(config->token_secret_file, text, &len, &none);
    explicit_bzero(text, sizeof(text));
    return good || (none && check_writable(config->token_secret_file, "chatterbox.token-secret-file"));
}

bool cbx_files_check(const cbx_config_t *config)
{
    bool piped = config->error_log != NULL && config->error_log->data.scalar[0] == '|';

    return (config->error_log == NULL || piped || check_writable(config->error_log, "error-log")) &&
           (config->pid_file == NULL || check_writable(config->pid_file, "pid-file")) &&
           check_secret(config) && cbx_config_access_logs(config->tree, check_log, "access-log");
}

/* -- the secret -- */

static bool write_all(int fd, const char *text, size_t len)
{
    return write(fd, text, len) == (ssize_t)len;
}

/* O_EXCL: of two servers that start at once, one makes it, and the other reads it */
static bool make_secret(const yoml_t *path)
{
    char hex[CBX_JTI_LEN * 2 + 1]; /* two ids, each 128 random bits */
    int fd = open(path->data.scalar, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok;

    if (fd == -1 && errno == EEXIST)
        return true;
    cbx_token_new_id(hex);
    cbx_token_new_id(hex + CBX_JTI_LEN);
    hex[sizeof(hex) - 1] = '\n';
    ok = fd != -1 && write_all(fd, hex, sizeof(hex)) && fsync(fd) == 0;
    explicit_bzero(hex, sizeof(hex));
    if (!ok)
        cbx_config_complain(path, "chatterbox.token-secret-file", "cannot make %s: %s", path->data.scalar,
                            strerror(errno));
    if (fd != -1)
        close(fd);
    if (fd != -1 && !ok)
        unlink(path->data.scalar);
    return ok;
}

bool cbx_files_load_secret(cbx_config_t *config)
{
    cbx_settings_t *settings = &config->settings;
    const yoml_t *path = config->token_secret_file;
    char text[SECRET_MAX + 1];
    bool none, good;

    if (path == NULL)
        return true;
    good = read_secret(path, text, &settings->token_secret_len, &none);
    if (!good && none && make_secret(path))
        good = read_secret(path, text, &settings->token_secret_len, &none);
    if (good)
        settings->token_secret = cbx_token_keep_key(text, settings->token_secret_len);
    explicit_bzero(text, sizeof(text));
    return good;
}

/* -- the pid file -- */

bool cbx_files_open_pid(const cbx_config_t *config)
{
    if (config->pid_file == NULL)
        return true;
    pid_path = config->pid_file->data.scalar;
    if ((pid_fd = open(pid_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) != -1)
        return true;
    cbx_config_complain(config->pid_file, "pid-file", "cannot write %s: %s", pid_path, strerror(errno));
    return false;
}

bool cbx_files_write_pid(const cbx_config_t *config)
{
    const char *text = cbx_log_fmt("%ld\n", (long)getpid());

    if (pid_fd == -1 || (ftruncate(pid_fd, 0) == 0 && write_all(pid_fd, text, strlen(text))))
        return true;
    cbx_config_complain(config->pid_file, "pid-file", "cannot write %s: %s", pid_path, strerror(errno));
    return false;
}

/* who takes our sockets over writes its own into the same file; who fails to do so finds another's */
static bool names_nobody_else(int fd)
{
    const char *text = cbx_log_fmt("%ld\n", (long)getpid());
    char there[32] = "";

    return pread(fd, there, sizeof(there) - 1, 0) == 0 || strcmp(there, text) == 0;
}

void cbx_files_remove_pid(bool shared)
{
    if (pid_fd == -1)
        return;
    if (names_nobody_else(pid_fd) && (shared || unlink(pid_path) != 0) && ftruncate(pid_fd, 0) != 0)
        cbx_log(CBX_LOG_WARN, "pid-file-stays", "file", pid_path, "why", strerror(errno), NULL);
    close(pid_fd);
    pid_fd = -1;
}

/* -- logs -- */

static void add_log(const char *path, int fd)
{
    struct log_file *log = cbx_zalloc(sizeof(*log));

    *log = (struct log_file){logs, path, fd};
    logs = log;
}

/* H2O opened it before: all descriptors that write to this file */
static bool find_access_log(const yoml_t *path, void *arg)
{
    struct stat file, open_file;
    int max = *(const int *)arg;

    if (stat(path->data.scalar, &file) != 0)
        return true;
    for (int fd = 3; fd < max; ++fd)
        if (fstat(fd, &open_file) == 0 && open_file.st_dev == file.st_dev &&
            open_file.st_ino == file.st_ino &&
            (fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND))
            add_log(path->data.scalar, fd);
    return true;
}

static int open_log(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

bool cbx_files_open_logs(const cbx_config_t *config)
{
    int max = dup(
        0); /* descriptors are given from below, so all that are open lie below this one, or little above */
    const char *path = config->error_log != NULL ? config->error_log->data.scalar : NULL;

    if (max != -1)
        close(max);
    max += 64;
    cbx_config_access_logs(config->tree, find_access_log, &max);
    if (path == NULL)
        return true;
    if (path[0] == '|') {
        error_log = h2o_access_log_open_log(path);
    } else if ((error_log = open_log(path)) != -1) {
        add_log(path, error_log);
    }
    if (error_log == -1) {
        cbx_config_complain(config->error_log, "error-log", "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    cbx_log_to(error_log);
    return true;
}

void cbx_files_redirect_stderr(void)
{
    if (error_log != -1)
        dup2(error_log, 2);
}

void cbx_files_reopen_logs(void)
{
    for (struct log_file *log = logs; log != NULL; log = log->next) {
        int fd = open_log(log->path);
        if (fd == -1) {
            cbx_log(CBX_LOG_ERROR, "log-kept", "file", log->path, "why", strerror(errno), NULL);
            continue;
        }
        dup3(fd, log->fd, O_CLOEXEC);
        close(fd);
        if (log->fd == error_log)
            cbx_files_redirect_stderr();
    }
    cbx_log(CBX_LOG_INFO, "logs-reopened", NULL);
}
