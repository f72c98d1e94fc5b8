/* fault.h -- places where a test kills the process.
 *
 * Built with -DFAULTS=ON only; else nothing of it is in the program. The environment says where, and at which
 * passing: CHATTERBOX_FAULT=before-commit:37 dies by SIGKILL when that place is reached for the 37th time.
 * The places are before-begin, between-statements, before-commit, after-commit, before-mail, before-ack.
 */
#ifndef cbx_base_fault_h
#define cbx_base_fault_h

#ifdef CBX_FAULTS
#define CBX_FAULT(place) cbx_fault(place)
void cbx_fault(const char *place); /* any thread */
#else
#define CBX_FAULT(place) ((void)0)
#endif

#endif
