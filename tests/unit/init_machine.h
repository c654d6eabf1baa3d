/* SPDX-License-Identifier: MIT */
/*
 * Plays the monitor of a light machine: makes namespaces and a throw-away root over this system's,
 * runs atoll-init in it, and speaks the wire's other end.
 */
#ifndef TEST_INIT_MACHINE_H
#define TEST_INIT_MACHINE_H

#include <stdbool.h>

#include "abi_wire.h"
#include "buf.h"
#include "loop.h"
#include "mux.h"

#define HELPER_PATH "/run/helper" /* the test's own program, inside the machine */
#define NIC_MAC     "02:00:00:00:00:07"

struct machine {
	struct loop *loop;
	struct mux *mux;
	struct stream *control;
	pid_t pid;
	int console;
	struct source *console_source;
	struct buf console_text;
	unsigned int phases; /* bits: those seen */
	uint64_t status;     /* of the last state */
	char *message;       /* of PHASE_FAILED */
	bool wire_ended;
	/* answer to WIRE_OPEN: 0 echoes the stream's bytes */
	int open_code;
	char *opened; /* the link last asked for */
};

/* A call on a stream: exec, service, or config. */
struct call {
	struct machine *machine;
	struct stream *stream; /* NULL once it ended */
	bool replied;
	int code; /* of the reply */
	char *message;
	bool frames;         /* exec: what follows are frames */
	struct buf out, err; /* output; a service's bytes are in out */
	bool exited;
	uint32_t exit_code;
	bool paused; /* reads nothing */
};

struct machine *machine_create(struct guest_config *config);
/* A symbolic link that the next ones have in their root before atoll-init is there; NULL: none. */
extern const char *machine_link, *machine_link_target;
/* With secrets: a list of struct wire_secret, or NULL. */
struct machine *machine_create_with(struct guest_config *config, const struct msg_records *secrets);
/* As above, and waits for PHASE_READY. */
struct machine *machine_create_ready(struct guest_config *config);
/* Closes the wire, and waits for the end of atoll-init: its exit status. */
int machine_destroy(struct machine *m);
/* Waits for its end, without closing: its exit status. */
int machine_wait_end(struct machine *m);
void machine_send_stop(struct machine *m, uint64_t grace);
bool machine_saw(const struct machine *m, enum wire_phase phase);

/* Runs the loop until *flag (or for 10 s: the test fails). */
void machine_wait(struct machine *m, const bool *flag, const char *what);
void machine_wait_phase(struct machine *m, enum wire_phase phase);
void machine_run_for(struct machine *m, int64_t ms);

/* All wait for the reply. */
struct call *call_exec(struct machine *m, struct wire_exec *x);
struct call *call_shell(struct machine *m,
			const char *command); /* /bin/sh -c, without a terminal */
struct call *call_service(struct machine *m, const char *service);
struct call *call_config(struct machine *m, const char *service, const void *payload, size_t len);
void call_frame(struct call *c, enum exec_frame type, const void *data, size_t len);
void call_wait_out(struct call *c, const char *text);
void call_wait_exit(struct call *c);
void call_resume(struct call *c); /* after paused was set */
void call_free(struct call *c);   /* resets the stream if it is still there */
/* What a shell command prints, without a newline at its end; the caller frees. */
char *machine_output(struct machine *m, const char *command);

/* main() of HELPER_PATH, for the arguments that begin with a verb of its; else -1. */
int helper_main(int argc, char **argv);

#endif
