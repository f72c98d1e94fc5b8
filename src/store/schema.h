/* schema.h -- what a database looks like inside, and how an older one becomes one of today. */
#ifndef cbx_store_schema_h
#define cbx_store_schema_h

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define CBX_SCHEMA_VERSION 3
#define CBX_APPLICATION_ID 0x43425831 /* "CBX1", in the header of every database of ours */

/* looks at the file and changes nothing: true when it is ours, the original program's, empty, or (`*fresh`)
 * not there yet but could be. Otherwise one line of why. */
bool cbx_schema_look(const char *path, bool *fresh, char *why, size_t why_len);

/* brings the open database to CBX_SCHEMA_VERSION, one transaction for each step; what holds data is copied to
 * `<path>.v<old>.bak` first (not where `path` is NULL). False, with one line of why: the step that failed
 * left no trace. */
bool cbx_schema_migrate(sqlite3 *db, const char *path, char *why, size_t why_len);

#endif
