/* SPDX-License-Identifier: MIT */
#include "power.h"

#include <signal.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "log.h"
#include "mounts.h"
#include "process.h"

#define KILLED_MS                                                                                  \
	2000 /* that killed processes may take to go; one that waits for a device may not */

static struct {
	struct agent *agent; /* NULL: not going down */
	struct source *timer;
	int64_t deadline; /* clock_ms of the SIGKILL */
	bool killed;
	int status;
} power;

static void finish(void)
{
	source_clear(power.timer);
	loop_quit(power.agent->loop, power.status);
}

static void handle_timer(void *data)
{
	(void)data;
	if (power.killed) {
		log_warn("processes are left that do not die");
		finish();
		return;
	}
	power.killed = true;
	kill(-1, SIGKILL);
	source_arm(power.timer, KILLED_MS);
}

void power_idle(void *data)
{
	(void)data;
	if (power.agent)
		finish();
}

void power_down(struct agent *agent, int64_t grace, int status)
{
	if (power.agent)
		return;
	power.agent = agent;
	power.status = status;
	power.timer = loop_add_timer(agent->loop, handle_timer, NULL);
	power.deadline = clock_ms() + grace;
	if (!process_any()) {
		finish();
		return;
	}
	kill(-1, SIGTERM);
	source_arm(power.timer, grace);
}

void power_hurry(int64_t grace, int status)
{
	int64_t now = clock_ms();

	if (status >= 0)
		power.status = status;
	if (power.killed || now + grace >= power.deadline)
		return;
	power.deadline = now + grace;
	source_arm(power.timer, grace);
}

void power_off(void)
{
	mounts_finish();
	reboot(RB_POWER_OFF);
	/* No way to do that on this board: a reset, which ends the machine as well. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
