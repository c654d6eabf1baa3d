/* SPDX-License-Identifier: MIT */
/* stamp: the smallest application. Says when its main began (CLOCK_MONOTONIC) and ends. Static. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec ts;
	char line[64];
	int n;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	n = snprintf(line, sizeof(line), "STAMP %lld\n", ts.tv_sec * 1000000000LL + ts.tv_nsec);
	return write(STDOUT_FILENO, line, (size_t)n) == n ? 0 : 1;
}
