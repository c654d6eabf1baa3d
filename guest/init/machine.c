/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The life is a chain: begin → prepare → started → ready, each link called by the end of the one
 * before. What can take long (prepare, the application) runs beside the loop, so that an order to
 * stop is heard at any point. Whatever goes wrong ends in fail(), whatever ends in power_down(),
 * and only the first reason counts.
 *
 * Nothing is reachable too early: interfaces and links come up only after `prepare` ended well,
 * since it is what closes the firewall.
 */
#include "machine.h"

#include <errno.h>
#include <signal.h>

#include "app.h"
#include "control.h"
#include "identity.h"
#include "lease.h"
#include "links.h"
#include "log.h"
#include "mem.h"
#include "modules.h"
#include "mounts.h"
#include "net.h"
#include "power.h"
#include "secrets.h"
#include "ready.h"
#include "str.h"
#include "timestamp.h"

#define STATUS_FAILED 125
#define LOST_GRACE_MS 5000
#define LAST_GRACE_MS 200 /* for the rest, when the application is gone */
#define MAX_GRACE_MS  3600000

static struct {
	struct wire_start *start; /* owns the configuration */
	bool app_runs;
	bool ending;
} machine;

static void end(struct agent *agent, int64_t grace, int status)
{
	machine.ending = true;
	ready_cancel();
	power_down(agent, grace, status);
}

/* Takes the error over. */
static void fail(struct agent *agent, struct err *err)
{
	if (!machine.ending) {
		log_error("%s", err_msg(err));
		control_state(PHASE_FAILED, STATUS_FAILED, err_msg(err));
		end(agent, LAST_GRACE_MS, STATUS_FAILED);
	}
	err_free(err);
}

static void handle_ready(void *data)
{
	(void)data;
	timestamp_write(PHASE_READY);
	control_state(PHASE_READY, 0, NULL);
}

static void handle_app_end(int code, void *data)
{
	struct agent *agent = data;

	machine.app_runs = false;
	control_state(PHASE_EXITED, code, NULL);
	if (code > 128 && code - 128 < NSIG)
		log_info("the application was ended by signal %d", code - 128);
	else
		log_info("the application ended with status %d", code);
	if (machine.ending)
		power_hurry(LAST_GRACE_MS, code);
	else
		end(agent, LAST_GRACE_MS, code);
}

static int bring_up_interfaces(const struct agent *agent, struct err **err)
{
	MSG_EACH (struct guest_nic, nic, &agent->config->nics) {
		int r = net_configure(nic, err);

		if (r < 0)
			return r;
	}
	return machine.start->network ? lease_begin(agent, err) : 0;
}

static void go(struct agent *agent)
{
	const struct guest_config *config = agent->config;
	struct err *err = NULL;
	int r;

	control_state(PHASE_PREPARED, 0, NULL);
	r = bring_up_interfaces(agent, &err);
	if (r == 0)
		r = links_listen(agent, &err);
	if (r == 0 && config->argv) {
		r = app_start(agent, handle_app_end, agent, &err);
		machine.app_runs = r == 0;
	}
	if (r < 0) {
		fail(agent, err);
		return;
	}
	control_state(PHASE_STARTED, 0, NULL);
	ready_watch(agent, handle_ready, agent);
}

static void handle_prepare_end(int code, void *data)
{
	struct agent *agent = data;
	cleanup_free char *command = NULL;
	struct err *err = NULL;

	if (machine.ending)
		return;
	if (code == 0) {
		go(agent);
		return;
	}
	command = strv_join(agent->config->prepare, " ");
	err_set(&err, ECHILD, "prepare \"%s\" ended with status %d; the console says why", command,
		code);
	fail(agent, err);
}

/* They are of no use here any more, whatever became of them. */
static int take_secrets(const struct agent *agent, struct wire_start *start, struct err **err)
{
	int r = secrets_place(&start->secrets, agent->config->user, err);

	wire_secrets_wipe(&start->secrets);
	return r;
}

static int set_up(const struct agent *agent, struct wire_start *start, struct err **err)
{
	const struct guest_config *config = agent->config;
	int r = identity_set(config, err);

	if (r == 0)
		r = take_secrets(agent, start, err);
	if (r == 0)
		r = net_loopback_up(err);
	if (r < 0 || agent->light)
		return r;
	identity_set_clock(start->time);
	for (char **module = config->modules; module && *module && r == 0; module++)
		r = module_load(*module, err);
	MSG_EACH (struct guest_mount, m, &config->mounts)
		if (r == 0)
			r = mounts_volume(m, err);
	return r;
}

void machine_begin(struct agent *agent, struct wire_start *start)
{
	struct err *err = NULL;
	int r = 0;

	machine.start = start;
	if (start->version != WIRE_VERSION || start->guest.n != 1)
		r = err_set(&err, EPROTO, "wire: version %d and one configuration expected",
			    WIRE_VERSION);
	else
		agent->config = start->guest.items;
	if (r == 0) {
		control_state(PHASE_INIT, 0, NULL);
		r = set_up(agent, start, &err);
	}
	if (r == 0 && agent->config->prepare)
		r = app_prepare(agent, handle_prepare_end, agent, &err);
	else if (r == 0)
		go(agent);
	if (r < 0)
		fail(agent, err);
}

void machine_stop(struct agent *agent, uint64_t grace)
{
	int64_t ms = (int64_t)(grace > MAX_GRACE_MS ? MAX_GRACE_MS : grace);

	if (machine.ending) {
		power_hurry(ms, -1);
		return;
	}
	/* Without an application, its end is not what will be reported. */
	if (!machine.app_runs)
		control_state(PHASE_EXITED, 0, NULL);
	end(agent, machine.app_runs ? ms : LAST_GRACE_MS, 0);
}

void machine_lost(struct agent *agent)
{
	if (machine.ending)
		return;
	log_warn("the wire ended: powering off");
	end(agent, LOST_GRACE_MS, STATUS_FAILED);
}
