/* SPDX-License-Identifier: MIT */
/* Prints how many kHz this host's time stamp counter runs at: emulation hands it through. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int main(void)
{
	struct timespec pause = { 0, 20000000 };
	int64_t ns = now_ns();
	uint64_t tsc = __rdtsc();

	nanosleep(&pause, NULL);
	tsc = __rdtsc() - tsc;
	ns = now_ns() - ns;
	printf("%lu\n", (unsigned long)(tsc * 1000000 / (uint64_t)ns));
}
