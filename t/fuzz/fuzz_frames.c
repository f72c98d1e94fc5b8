/* fuzz_frames.c -- any bytes as what a client sends when its WebSocket is open.
 *
 * The input (wire.h) goes twice through the real server (connection.h): as it comes, and cut into small
 * pieces, the first of which comes with the handshake. Held here: both times the same commands reach the
 * core, and the same is said; they are the commands, and the close code, that a second reader of RFC 6455
 * makes of these bytes (rfc6455.h), so nothing is taken behind an error; every text is UTF-8; what the server
 * says is whole frames; who sends in pieces costs no more memory than the longest message.
 */
#include "fuzz.h"

#include "connection.h"
#include "outcome.h"
#include "rfc6455.h"
#include "wire.h"

/* of AddressSanitizer, where it is */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes() : 0;
}

static void send_whole(const wire_t *wire)
{
    size_t at = 0;

    client_connect(wire->known, wire->deflates);
    send_bytes(handshake, sizeof(handshake) - 1);
    settle();
    MUST(client.upgraded);
    for (size_t i = 0; i <= wire->pauses_len; ++i) {
        size_t end = i == wire->pauses_len ? wire->len : wire->pauses[i];
        if (end != at)
            send_bytes(wire->bytes + at, end - at);
        settle();
        if (i != wire->pauses_len)
            answer_hello();
        at = end;
    }
    client_leave();
}

/* 1 to 16 bytes, or some hundred pieces of many */
static size_t piece_size(const wire_t *wire, size_t at)
{
    size_t longest = wire->len <= 1024 ? 16 : wire->len / 64;
    uint64_t hash = mix(wire->seed, &at, sizeof(at));

    return wire->seed == 0 ? 1 + longest / 16 : 1 + (size_t)(hash >> 20) % longest;
}

/* a message and as much again while it is put together, compressed and not; the buffers of wslay and of the
 * socket; and what the pieces of one turn were answered */
static void must_be_bounded(size_t before)
{
    MUST(allocated() <= before + 3 * cbx_parser_limit(server.local.hub) + 128 * 1024);
}

static void send_pieces(const wire_t *wire)
{
    uint8_t first[sizeof(handshake) + WIRE_MAX];
    size_t at = 0, pause = 0, head = sizeof(handshake) - 1, before = allocated();

    client_connect(wire->known, wire->deflates);
    memcpy(first, handshake, head);
    for (bool begun = false; !begun || at != wire->len; begun = true) {
        size_t end = pause == wire->pauses_len ? wire->len : wire->pauses[pause], n = piece_size(wire, at);
        n = n < end - at ? n : end - at;
        memcpy(first + head, wire->bytes + at, n);
        send_bytes(first, head + n);
        head = 0;
        at += n;
        turn();
        must_be_bounded(before);
        if (pause == wire->pauses_len || at != end)
            continue;
        settle();
        answer_hello();
        ++pause;
    }
    client_leave();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wire_t wire;
    outcome_t wanted, whole;
    uint64_t said;

    server_start();
    wire_read(&wire, data, size);
    wanted = rfc6455_read(&wire, &server.settings, server.deflate, cbx_parser_limit(server.local.hub));
    send_whole(&wire);
    whole = client.outcome;
    said = client.said;
    MUST(whole.commands == wanted.commands && whole.digest == wanted.digest);
    MUST(whole.close == wanted.close && whole.pongs == wanted.pongs);
    send_pieces(&wire);
    MUST(client.outcome.commands == whole.commands && client.outcome.digest == whole.digest);
    MUST(client.outcome.close == whole.close && client.outcome.pongs == whole.pongs && client.said == said);
    return 0;
}
