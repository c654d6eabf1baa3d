/* SPDX-License-Identifier: MIT */
/* Standard input, output and error of a process: its ends of pipes or of a terminal, and ours. */
#ifndef ATOLL_ENDS_H
#define ATOLL_ENDS_H

#include <stdint.h>
#include <sys/types.h>

/* All descriptors are CLOEXEC and -1 when absent; the caller owns them. */
struct ends {
	int child[3];
	int in;     /* ours, non-blocking: what the process reads */
	int out[2]; /* ours, non-blocking: what it writes; a terminal has only the first */
};

#define ENDS_INIT                                                                                  \
	{                                                                                          \
		{ -1, -1, -1 }, -1,                                                                \
		{                                                                                  \
			-1, -1                                                                     \
		}                                                                                  \
	}

/* 0 or -errno; what was opened on the way is in *ends then too. */
int ends_open_pipes(struct ends *ends);
int ends_open_terminal(struct ends *ends, uid_t owner, uint64_t rows, uint64_t cols);
void ends_close_child(struct ends *ends);

#endif
