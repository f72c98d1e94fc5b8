/* extension.h -- what a Sec-WebSocket-Extensions header offers (RFC 6455 section 9.1). Pure. */
#ifndef cbx_http_extension_h
#define cbx_http_extension_h

#include "http/parse.h"

/* Is there an offer of permessage-deflate in this header that CBX_DEFLATE_ANSWER answers (RFC 7692 section
 * 7.1)? Not with a window of ours below 15 bits, nor with a parameter that is unknown, doubled or malformed.
 */
bool cbx_deflate_is_offered(cbx_slice_t header);

#endif
