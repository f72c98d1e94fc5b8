/* stats.c -- the counters themselves; see stats.h for who they are. */
#include "base/stats.h"

cbx_stats_t cbx_stats;
