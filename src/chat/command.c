/* command.c -- a command's birth and end; what it means is in core.c and the files beside it. */
#include "chat/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "chat/room.h"

cbx_command_t *cbx_command_new(cbx_command_type_t type)
{
    cbx_command_t *cmd = cbx_zalloc(sizeof(*cmd));

    cmd->type = type;
    cmd->req.room = cmd->req.id = -1;
    return cmd;
}

void cbx_command_free(cbx_command_t *cmd)
{
    if (cmd == NULL)
        return;
    for (size_t i = 0; i != cmd->fetched_len; ++i)
        cbx_fetched_dispose(&cmd->fetched[i]);
    free(cmd->fetched);
    cbx_request_dispose(&cmd->req);
    free(cmd->room.name);
    free(cmd->room.topic);
    cbx_buf_dispose(&cmd->body);
    free(cmd);
}
