/* SPDX-License-Identifier: MIT */
/* "atoll-vmm ask SOCKET COMMAND": a client of a machine's control socket, for use by hand. */
#ifndef VMM_ASK_H
#define VMM_ASK_H

/* argv[0] is "ask". Returns the exit status: 0, 2 for a wrong command line, 125. */
int ask_main(int argc, char **argv);

#endif
