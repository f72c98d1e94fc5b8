/* notify.c -- systemd's protocol for readiness: one datagram with a state in it. The socket's name is a path,
 * or begins with '@' and is abstract. Nobody who does not listen is waited for: that would hold up the core.
 */
#include "server/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

void cbx_notify(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = name != NULL ? strlen(name) : 0;
    int fd;

    if (len == 0 || len >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, name, len);
    if (name[0] == '@')
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == -1)
        cbx_log(CBX_LOG_WARN, "not-notified", "state", state, NULL);
    if (fd != -1)
        close(fd);
}
