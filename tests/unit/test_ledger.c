/* SPDX-License-Identifier: MIT */
/* The ledger: what was committed is there, what was not is not, and damage is said and left alone. */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

struct place {
	char dir[64], path[80];
};

static int begin(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/atoll-ledger-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/ledger.db", p->dir);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;

	dir_remove(p->dir, NULL);
	free(p);
	return 0;
}

static struct ledger *open_ok(const struct place *p)
{
	struct ledger *l = NULL;
	cleanup_err struct err *err = NULL;

	if (ledger_open(p->path, &l, &err) < 0)
		fail_msg("%s", err_msg(err));
	return l;
}

static const struct ledger_federation office = {
	.name = "office", .file = "/x/office.yaml", .text = "federation: office\n", .generation = 7
};

static struct ledger_machine web(void)
{
	static uint8_t bytes[] = { 1, 0, 2, 255 };

	return (struct ledger_machine){ .federation = "office",
					.name = "web",
					.digest = "d",
					.image = "sha256:1",
					.label = NULL,
					.uplink = true,
					.wanted = true,
					.started = UINT64_C(1) << 60,
					.config = { bytes, sizeof(bytes) } };
}

static const struct ledger_link http = { .federation = "office",
					 .id = "work>web.http",
					 .digest = "k",
					 .slot = 3,
					 .net = false,
					 .cut = true,
					 .past = { 1, 2, 3, 4, 5, 6 },
					 .life = { 11, 12, 13, 14, 15, UINT64_MAX } };

static void see_federation(const struct ledger_federation *f, void *data)
{
	assert_string_equal(f->name, office.name);
	assert_string_equal(f->file, office.file);
	assert_string_equal(f->text, office.text);
	assert_int_equal(f->generation, 7);
	++*(int *)data;
}

static void see_machine(const struct ledger_machine *m, void *data)
{
	const struct ledger_machine expected = web();

	assert_string_equal(m->name, "web");
	assert_string_equal(m->digest, "d");
	assert_string_equal(m->image, "sha256:1");
	assert_null(m->label);
	assert_true(m->uplink && m->wanted);
	assert_int_equal(m->started, expected.started);
	assert_int_equal(m->config.len, expected.config.len);
	assert_memory_equal(m->config.data, expected.config.data, m->config.len);
	++*(int *)data;
}

static void see_link(const struct ledger_link *k, void *data)
{
	assert_string_equal(k->id, http.id);
	assert_int_equal(k->slot, 3);
	assert_true(k->cut && !k->net);
	assert_memory_equal(&k->past, &http.past, sizeof(k->past));
	assert_memory_equal(&k->life, &http.life, sizeof(k->life));
	++*(int *)data;
}

static int count(struct ledger *l)
{
	int n = 0;

	assert_int_equal(ledger_federations(l, see_federation, &n, NULL), 0);
	assert_int_equal(ledger_machines(l, see_machine, &n, NULL), 0);
	assert_int_equal(ledger_links(l, see_link, &n, NULL), 0);
	return n;
}

static void put_all(struct ledger *l)
{
	const struct ledger_machine m = web();

	assert_int_equal(ledger_put_federation(l, &office, NULL), 0);
	assert_int_equal(ledger_put_machine(l, &m, NULL), 0);
	assert_int_equal(ledger_put_link(l, &http, NULL), 0);
}

static void test_rows_survive(void **state)
{
	struct ledger *l = open_ok(*state);

	put_all(l);
	put_all(l); /* the same again replaces */
	assert_int_equal(count(l), 3);
	ledger_close(l);
	l = open_ok(*state);
	assert_int_equal(count(l), 3);
	assert_int_equal(ledger_drop_federation(l, "office", NULL), 0);
	assert_int_equal(count(l), 0);
	ledger_close(l);
}

/* A new text must not take the machines with it. */
static void test_federation_replaced_keeps_machines(void **state)
{
	struct ledger *l = open_ok(*state);

	put_all(l);
	assert_int_equal(ledger_put_federation(l, &office, NULL), 0);
	assert_int_equal(count(l), 3);
	assert_int_equal(ledger_drop_machine(l, "office", "web", NULL), 0);
	assert_int_equal(ledger_drop_link(l, "office", "work>web.http", NULL), 0);
	assert_int_equal(count(l), 1);
	ledger_close(l);
}

/* A child writes and dies without a word; commit says whether it came that far. */
static void crash(const struct place *p, bool commit)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct ledger *l = NULL;
		const struct ledger_machine m = web();

		if (ledger_open(p->path, &l, NULL) < 0 || ledger_begin(l, NULL) < 0 ||
		    ledger_put_federation(l, &office, NULL) < 0 ||
		    ledger_put_machine(l, &m, NULL) < 0 || ledger_put_link(l, &http, NULL) < 0 ||
		    (commit && ledger_commit(l, NULL) < 0))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_crash_before_commit(void **state)
{
	struct ledger *l;

	crash(*state, false);
	l = open_ok(*state);
	assert_int_equal(count(l), 0);
	ledger_close(l);
}

static void test_crash_behind_commit(void **state)
{
	struct ledger *l;

	crash(*state, true);
	l = open_ok(*state);
	assert_int_equal(count(l), 3);
	ledger_close(l);
}

static void test_rollback(void **state)
{
	struct ledger *l = open_ok(*state);

	assert_int_equal(ledger_begin(l, NULL), 0);
	put_all(l);
	ledger_rollback(l);
	assert_int_equal(count(l), 0);
	ledger_rollback(l); /* none is open */
	put_all(l);
	assert_int_equal(count(l), 3);
	ledger_close(l);
}

struct operations {
	int n;
	char first[16], last[16];
};

static void see_operation(const struct ledger_operation *op, void *data)
{
	struct operations *seen = data;

	if (!seen->n++)
		snprintf(seen->first, sizeof(seen->first), "%s", op->id);
	snprintf(seen->last, sizeof(seen->last), "%s", op->id);
}

static void test_history_is_bounded(void **state)
{
	struct ledger *l = open_ok(*state);
	struct operations seen = { 0 };

	assert_int_equal(ledger_begin(l, NULL), 0);
	for (int i = 0; i < LEDGER_OPERATIONS + 50; i++) {
		cleanup_free char *id = xasprintf("op-%d", i);
		const struct ledger_operation op = {
			.id = id, .federation = "office", .status = "Running", .json = "{}"
		};

		assert_int_equal(ledger_put_operation(l, &op, NULL), 0);
	}
	assert_int_equal(ledger_commit(l, NULL), 0);
	assert_int_equal(ledger_operations(l, see_operation, &seen, NULL), 0);
	assert_int_equal(seen.n, LEDGER_OPERATIONS);
	assert_string_equal(seen.first, "op-50");
	assert_string_equal(seen.last, "op-249");
	ledger_close(l);
}

/* The file's bytes before and behind a failed open. */
static void refuses_unchanged(const struct place *p, const char *says)
{
	cleanup_buf struct buf before = BUF_INIT;
	cleanup_buf struct buf after = BUF_INIT;
	cleanup_err struct err *err = NULL;
	struct ledger *l = NULL;

	assert_int_equal(file_read(p->path, 1 << 24, &before, NULL), 0);
	assert_true(ledger_open(p->path, &l, &err) < 0);
	if (!strstr(err_msg(err), says) || !strstr(err_msg(err), p->path))
		fail_msg("%s", err_msg(err));
	assert_int_equal(file_read(p->path, 1 << 24, &after, NULL), 0);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(buf_bytes(&before), buf_bytes(&after), before.len);
}

static void test_not_a_database(void **state)
{
	const struct place *p = *state;
	char garbage[8192];

	memset(garbage, 'x', sizeof(garbage));
	assert_int_equal(file_write_atomic(p->path, garbage, sizeof(garbage), 0600, NULL), 0);
	refuses_unchanged(p, "damaged");
}

static void test_damaged_page(void **state)
{
	const struct place *p = *state;
	struct ledger *l = open_ok(p);
	char garbage[4096];
	int fd;

	put_all(l);
	ledger_close(l);
	memset(garbage, 0x5a, sizeof(garbage));
	fd = open(p->path, O_RDWR | O_CLOEXEC);
	assert_true(lseek(fd, 0, SEEK_END) > 3 * 4096);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 4096), sizeof(garbage));
	close(fd);
	refuses_unchanged(p, "damaged");
}

static void test_newer_schema(void **state)
{
	const struct place *p = *state;
	sqlite3 *db;

	ledger_close(open_ok(p));
	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refuses_unchanged(p, "newer");
}

/* No space left: an error that says so, and what was there stays. */
static void test_full_disk(void **state)
{
	struct ledger *l = open_ok(*state);
	cleanup_err struct err *err = NULL;
	cleanup_free char *text = xmalloc(1 << 20);
	struct ledger_federation big = office;
	struct rlimit limit, old;
	int r;

	put_all(l);
	memset(text, 'y', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	big.text = text;
	/* A limit on the file's size gives EFBIG where a full disk gives ENOSPC: SQLite reports both as
	 * no space (SQLITE_FULL), or an error of the disk. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 128 << 10;
	setrlimit(RLIMIT_FSIZE, &limit);
	r = ledger_put_federation(l, &big, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(r == -ENOSPC || r == -EIO);
	assert_int_equal(count(l), 3);
	ledger_close(l);
	l = open_ok(*state);
	assert_int_equal(count(l), 3);
	ledger_close(l);
}

#define EACH(test_) cmocka_unit_test_setup_teardown(test_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_rows_survive),
		EACH(test_federation_replaced_keeps_machines),
		EACH(test_crash_before_commit),
		EACH(test_crash_behind_commit),
		EACH(test_rollback),
		EACH(test_history_is_bounded),
		EACH(test_not_a_database),
		EACH(test_damaged_page),
		EACH(test_newer_schema),
		EACH(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
