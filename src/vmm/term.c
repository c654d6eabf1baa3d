/* SPDX-License-Identifier: MIT */
#include "term.h"

#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

#include "mem.h"

static struct termios saved;
static int terminal = -1; /* whose modes are saved */

void term_restore(void)
{
	if (terminal >= 0)
		tcsetattr(terminal, TCSADRAIN, &saved);
	terminal = -1;
}

/* The default action follows: SA_RESETHAND. */
static void handle_fatal(int signo)
{
	term_restore();
	raise(signo);
}

static void restore_at_signals(void)
{
	/* SIGTERM and SIGINT have handlers of others, whose process then comes to its end. */
	static const int fatal[] = { SIGHUP, SIGQUIT, SIGSEGV, SIGBUS,
				     SIGFPE, SIGILL,  SIGABRT, SIGSYS };
	const struct sigaction action = { .sa_handler = handle_fatal, .sa_flags = SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &action, NULL);
}

bool term_make_raw(int fd)
{
	struct termios raw;

	/* To change it from the background would stop us. */
	if (!isatty(fd) || tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &saved) < 0)
		return false;
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return false;
	terminal = fd;
	restore_at_signals();
	return true;
}
