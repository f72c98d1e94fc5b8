/* outcome.h -- what became of a connection: which commands the core was given, and how it ended. */
#ifndef cbx_fuzz_outcome_h
#define cbx_fuzz_outcome_h

#include "fuzz.h"

#include "chat/command.h"

enum { NO_CLOSE = -1, EMPTY_CLOSE = 0 };

typedef struct outcome {
    uint64_t digest; /* of the commands, all they say, in order */
    unsigned commands, pongs;
    int close; /* the code of the server's close frame */
} outcome_t;

/* FNV-1a */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i != len; ++i)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_str(uint64_t hash, const cbx_str_t *s)
{
    uint8_t there = s->bytes != NULL;

    hash = mix(hash, &there, 1);
    hash = mix(hash, &s->len, sizeof(s->len));
    return mix(hash, s->bytes, s->len);
}

static void outcome_add(outcome_t *o, cbx_command_type_t type, const cbx_request_t *req)
{
    uint64_t hash = mix(o->digest, &type, sizeof(type));

    hash = mix(hash, &req->room, sizeof(req->room));
    hash = mix(hash, &req->id, sizeof(req->id));
    hash = mix_str(mix_str(hash, &req->cid), &req->text);
    hash = mix_str(mix_str(hash, &req->token), &req->epoch);
    o->digest = mix(hash, req->since.list, req->since.len * sizeof(*req->since.list));
    ++o->commands;
}

#endif
