/* extension.h -- what a Sec-WebSocket-Extensions header offers (RFC 6455 section 9.1). Pure. */
#ifndef cbx_http_extension_h
#define cbx_http_extension_h

#include "http/parse.h"

/* What is said to the first offer of permessage-deflate in this header that can be taken (RFC 7692 section
 * 7.1): lives for ever; NULL: there is none. Not with a window of ours below 15 bits, nor with a parameter
 * that is unknown, doubled or malformed. */
const char *cbx_deflate_answer(cbx_slice_t header);

#endif
