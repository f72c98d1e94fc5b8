/* original.h -- rows of the original Python program, which knew one table and declared little about it. */
#ifndef cbx_store_original_h
#define cbx_store_original_h

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* copies every row of `original_messages` into room 1, in the order of id, inside the caller's transaction;
 * false: the reason is in `db` */
bool cbx_original_import(sqlite3 *db);

/* the time (ms) that a row's `timestamp` and `date` mean together, read as UTC: either may be NULL. A time
 * alone takes the day from `date`; where no day is to be found it is `before`, the time of the row before. */
int64_t cbx_original_time(const char *timestamp, const char *date, int64_t before);

#endif
