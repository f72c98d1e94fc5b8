/* main.c -- arguments and the exit status; the rest is server/server.c. */
#include <stdio.h>
#include <unistd.h>

#include "chatterbox.h"
#include "server/server.h"

#ifdef CBX_FAULTS
#define BUILD " (with fault points)" /* t/76-faults.t looks for it */
#else
#define BUILD ""
#endif

static const char usage[] = "usage: chatterbox -c FILE [-t]\n"
                            "\n"
                            "  -c FILE  serve what this configuration says\n"
                            "  -t       only check the configuration\n"
                            "  -h       print this\n"
                            "  -v       print the version\n";

int main(int argc, char **argv)
{
    const char *config = NULL;
    bool check_only = false;
    int option;

    while ((option = getopt(argc, argv, "c:thv")) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 't':
            check_only = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'v':
            puts("chatterbox " CBX_VERSION BUILD);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (config == NULL || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    return cbx_server_run(config, check_only);
}
