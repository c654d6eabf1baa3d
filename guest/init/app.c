/* SPDX-License-Identifier: MIT */
#include "app.h"

#include <errno.h>
#include <fcntl.h>

#include "fd.h"
#include "str.h"

#define CONSOLE_OUT 1
#define CONSOLE_ERR 2

static int run(char *const *argv, const struct guest_config *config, const char *user_name,
	       process_end_fn fn, void *data, struct err **err)
{
	cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cleanup_strv char **env = NULL;
	struct user user;
	struct process_spec spec = {
		.argv = argv,
		.user = &user,
		.workdir = config->workdir,
		.stdio = { null, CONSOLE_OUT, CONSOLE_ERR },
	};
	pid_t pid;
	int r;

	if (null < 0)
		return err_set_errno(err, errno, "/dev/null");
	r = user_find(user_name, &user, err);
	if (r < 0)
		return r;
	env = process_env(&user, config->env, NULL);
	spec.env = env;
	return process_spawn(&spec, fn, data, &pid, err);
}

int app_prepare(const struct agent *agent, process_end_fn fn, void *data, struct err **err)
{
	const struct guest_config *config = agent->config;

	return run(config->prepare, config, NULL, fn, data, err);
}

int app_start(const struct agent *agent, process_end_fn fn, void *data, struct err **err)
{
	const struct guest_config *config = agent->config;

	return run(config->argv, config, config->user, fn, data, err);
}
