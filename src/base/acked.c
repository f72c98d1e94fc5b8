/* acked.c -- asks the kernel; a file of its own, because its <linux/tcp.h>, which alone has the number, does
 * not go together with the <netinet/tcp.h> of everybody else. */
#include "base/acked.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

bool cbx_acked_bytes(int fd, uint64_t *bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    *bytes = info.tcpi_bytes_acked;
    return true;
}
