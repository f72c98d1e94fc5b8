/* chatterbox.h -- the charter: what every file of this program may rely on.
 *
 * Threads. The main thread is the core: it owns the truth (rooms, members, sessions, the only writing
 * database connection) and runs a libuv loop. N workers own sockets and nothing else; each runs an H2O event
 * loop. The pool (base/pool.h) runs what can wait: password hashing and reading. Nobody else has a thread.
 *
 * Mail. Threads talk by mail only (base/mail.h), and to mail is to give away: the sender does not touch the
 * letter again. What may be shared is immutable: frames and batches (with an atomic count) and the frozen
 * settings. There are no locks outside base/, store/readers.c, and what all workers look up (http/pages.c,
 * http/limits.c).
 *
 * Order. A change is numbered (`rev`), committed, and only then told; mail to a worker arrives in commit
 * order. A worker writes to its sockets at the end of its loop's turn.
 *
 * Ownership. `_create` and `_new` give, `_free` takes, `_find` lends until you return to the loop, `_submit`
 * and `_post` take, `_ref` and `_unref` share. Memory of `req->pool` dies with the request and stays on its
 * loop. Work that travels carries an id, never a pointer to a connection or a request.
 *
 * Errors. Ours abort (CBX_ASSERT, in release builds too); theirs (a peer, a disk, a configuration) return a
 * cbx_err_t. The list of codes is one X-macro, CBX_ERRORS in base/error.h, which C, the wire and the
 * documents share.
 *
 * Floors. main > server > http > live > chat > store > wire > base: a file includes headers of its own folder
 * or of one below; upward goes only a callback or a mailbox handed down. t/01-house.t holds this.
 */
#ifndef cbx_chatterbox_h
#define cbx_chatterbox_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifndef CBX_VERSION
#define CBX_VERSION "unversioned" /* CMake defines it, from project(VERSION) */
#endif

#endif
