/* SPDX-License-Identifier: MIT */
/*
 * Owns ledger.db. Knows tables and rows, nothing of what they mean: model.c turns rows into objects.
 *
 * Write-ahead log with synchronous=FULL: what was committed survives a crash of the machine, and a
 * crash of the daemon in the middle of a transaction leaves the state before it.
 */
#include "ledger.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "mem.h"
#include "str.h"

struct ledger {
	sqlite3 *db;
	char *path;
	bool in_transaction;
};

/* migrations[i] takes a database from user_version i to i + 1. Append only. */
static const char *const migrations[] = {
	"CREATE TABLE federations (name TEXT PRIMARY KEY, file TEXT NOT NULL, text TEXT NOT NULL,"
	" generation INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE machines (federation TEXT NOT NULL REFERENCES federations ON DELETE CASCADE,"
	" name TEXT NOT NULL, digest TEXT NOT NULL, image TEXT NOT NULL, label TEXT,"
	" uplink INTEGER NOT NULL, wanted INTEGER NOT NULL, started INTEGER NOT NULL,"
	" config BLOB NOT NULL, PRIMARY KEY (federation, name)) WITHOUT ROWID;"
	"CREATE TABLE links (federation TEXT NOT NULL REFERENCES federations ON DELETE CASCADE,"
	" id TEXT NOT NULL, digest TEXT NOT NULL, slot INTEGER NOT NULL, net INTEGER NOT NULL,"
	" cut INTEGER NOT NULL, past_streams INTEGER NOT NULL, past_tx_bytes INTEGER NOT NULL,"
	" past_rx_bytes INTEGER NOT NULL, past_tx_frames INTEGER NOT NULL,"
	" past_rx_frames INTEGER NOT NULL, past_dropped INTEGER NOT NULL,"
	" life_streams INTEGER NOT NULL, life_tx_bytes INTEGER NOT NULL,"
	" life_rx_bytes INTEGER NOT NULL, life_tx_frames INTEGER NOT NULL,"
	" life_rx_frames INTEGER NOT NULL, life_dropped INTEGER NOT NULL,"
	" PRIMARY KEY (federation, id)) WITHOUT ROWID;"
	"CREATE TABLE operations (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
	" federation TEXT NOT NULL, status TEXT NOT NULL, json TEXT NOT NULL);",
};

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return EROFS;
	case SQLITE_CANTOPEN:
		return ENOENT;
	default:
		return EIO;
	}
}

static bool is_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static int damaged(const struct ledger *l, const char *detail, struct err **err)
{
	return err_set(
		err, EIO,
		"%s: the database is damaged (%s); machines that run go on. Restore it from a "
		"backup, or move it away (with its -wal and -shm) and run \"atoll up\" for each "
		"federation file again",
		l->path, detail);
}

static int failed(const struct ledger *l, struct err **err)
{
	int code = sqlite3_extended_errcode(l->db);

	if (is_damage(code))
		return damaged(l, sqlite3_errmsg(l->db), err);
	if ((code & 0xff) == SQLITE_FULL)
		return err_set(err, ENOSPC, "%s: no space left; nothing was changed", l->path);
	return err_set(err, errno_of(code), "%s: %s", l->path, sqlite3_errmsg(l->db));
}

/* Binds by letters: s text (NULL allowed), i uint64_t, b struct msg_bytes *. */
static void bind(sqlite3_stmt *st, const char *types, va_list ap)
{
	for (int i = 0; types[i]; i++) {
		const struct msg_bytes *bytes;

		switch (types[i]) {
		case 's':
			sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
			break;
		case 'i':
			sqlite3_bind_int64(st, i + 1, (sqlite3_int64)va_arg(ap, uint64_t));
			break;
		case 'b':
			bytes = va_arg(ap, const struct msg_bytes *);
			sqlite3_bind_blob(st, i + 1, bytes->len ? (void *)bytes->data : "",
					  (int)bytes->len, SQLITE_STATIC);
			break;
		}
	}
}

/* One statement without a result. */
static int run(struct ledger *l, struct err **err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st = NULL;
	va_list ap;
	int r = 0;

	if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) != SQLITE_OK)
		return failed(l, err);
	va_start(ap, types);
	bind(st, types, ap);
	va_end(ap);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = failed(l, err);
	sqlite3_finalize(st);
	return r;
}

/* One row of one integer. */
static int query_int(struct ledger *l, const char *sql, int64_t *ret, struct err **err)
{
	sqlite3_stmt *st = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) != SQLITE_OK)
		return failed(l, err);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else
		r = failed(l, err);
	sqlite3_finalize(st);
	return r;
}

static int exec(struct ledger *l, const char *sql, struct err **err)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(l, err);
}

static int migrate(struct ledger *l, struct err **err)
{
	int64_t version = 0;
	int r = query_int(l, "PRAGMA user_version", &version, err);

	if (r < 0)
		return r;
	if (version > (int64_t)ARRAY_SIZE(migrations))
		return err_set(
			err, EINVAL,
			"%s: made by a newer atolld (schema %lld, this one knows %zu); use that "
			"version",
			l->path, (long long)version, ARRAY_SIZE(migrations));
	for (; version < (int64_t)ARRAY_SIZE(migrations); version++) {
		cleanup_free char *sql =
			xasprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %lld; COMMIT;",
				  migrations[version], (long long)version + 1);

		r = exec(l, sql, err);
		if (r < 0) {
			sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
			return err_prefix(err, "schema %lld", (long long)version + 1);
		}
	}
	return 0;
}

/* Reads every page's structure, so that damage is found now and not in the middle of an `up`. */
static int check(struct ledger *l, struct err **err)
{
	sqlite3_stmt *st = NULL;
	const char *text;
	int r = 0;

	if (sqlite3_prepare_v2(l->db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
		return failed(l, err);
	if (sqlite3_step(st) != SQLITE_ROW)
		r = failed(l, err);
	else if (text = (const char *)sqlite3_column_text(st, 0), !str_eq(text, "ok"))
		r = damaged(l, text ? text : "no answer", err);
	sqlite3_finalize(st);
	return r;
}

int ledger_open(const char *path, struct ledger **ret, struct err **err)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	int r;

	l->path = xstrdup(path);
	if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK)
		r = failed(l, err);
	else
		r = check(l, err);
	if (r == 0)
		r = exec(l,
			 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -512; PRAGMA busy_timeout "
			 "= 2000;",
			 err);
	if (r == 0)
		r = migrate(l, err);
	if (r < 0) {
		ledger_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	sqlite3_close(l->db);
	free(l->path);
	free(l);
}

int ledger_begin(struct ledger *l, struct err **err)
{
	int r = exec(l, "BEGIN IMMEDIATE", err);

	l->in_transaction = r == 0;
	return r;
}

int ledger_commit(struct ledger *l, struct err **err)
{
	int r = exec(l, "COMMIT", err);

	if (r < 0)
		ledger_rollback(l);
	l->in_transaction = false;
	return r;
}

void ledger_rollback(struct ledger *l)
{
	/* SQLite has rolled back by itself after some failures; a second time does no harm. */
	if (l->in_transaction)
		sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
	l->in_transaction = false;
}

int ledger_put_federation(struct ledger *l, const struct ledger_federation *f, struct err **err)
{
	return run(
		l, err,
		"INSERT INTO federations VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE SET"
		" file = ?2, text = ?3, generation = ?4",
		"sssi", f->name, f->file, f->text, f->generation);
}

int ledger_put_machine(struct ledger *l, const struct ledger_machine *m, struct err **err)
{
	return run(l, err, "INSERT OR REPLACE INTO machines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		   "sssssiiib", m->federation, m->name, m->digest, m->image, m->label,
		   (uint64_t)m->uplink, (uint64_t)m->wanted, m->started, &m->config);
}

int ledger_put_link(struct ledger *l, const struct ledger_link *k, struct err **err)
{
	return run(l, err,
		   "INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		   "?, ?,"
		   " ?, ?)",
		   "sssiiiiiiiiiiiiiii", k->federation, k->id, k->digest, (uint64_t)k->slot,
		   (uint64_t)k->net, (uint64_t)k->cut, k->past.streams, k->past.tx_bytes,
		   k->past.rx_bytes, k->past.tx_frames, k->past.rx_frames, k->past.dropped,
		   k->life.streams, k->life.tx_bytes, k->life.rx_bytes, k->life.tx_frames,
		   k->life.rx_frames, k->life.dropped);
}

int ledger_put_operation(struct ledger *l, const struct ledger_operation *op, struct err **err)
{
	int r = run(l, err,
		    "INSERT INTO operations (id, federation, status, json) VALUES (?1, ?2, ?3, ?4)"
		    " ON CONFLICT (id) DO UPDATE SET status = ?3, json = ?4",
		    "ssss", op->id, op->federation, op->status, op->json);

	if (r < 0)
		return r;
	return run(l, err,
		   "DELETE FROM operations WHERE seq <= (SELECT max(seq) FROM operations) - ?", "i",
		   (uint64_t)LEDGER_OPERATIONS);
}

int ledger_drop_federation(struct ledger *l, const char *name, struct err **err)
{
	return run(l, err, "DELETE FROM federations WHERE name = ?", "s", name);
}

int ledger_drop_machine(struct ledger *l, const char *fed, const char *name, struct err **err)
{
	return run(l, err, "DELETE FROM machines WHERE federation = ? AND name = ?", "ss", fed,
		   name);
}

int ledger_drop_link(struct ledger *l, const char *fed, const char *id, struct err **err)
{
	return run(l, err, "DELETE FROM links WHERE federation = ? AND id = ?", "ss", fed, id);
}

static const char *text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

static uint64_t number(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

typedef void (*row_fn)(sqlite3_stmt *st, void *data);

static int each(struct ledger *l, const char *sql, row_fn fn, void *data, struct err **err)
{
	sqlite3_stmt *st = NULL;
	int r = 0, step;

	if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) != SQLITE_OK)
		return failed(l, err);
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		fn(st, data);
	if (step != SQLITE_DONE)
		r = failed(l, err);
	sqlite3_finalize(st);
	return r;
}

/* Carries a caller's callback through `each`. */
struct visit {
	void *data;
	union {
		ledger_federation_fn federation;
		ledger_machine_fn machine;
		ledger_link_fn link;
		ledger_operation_fn operation;
	};
};

static void row_federation(sqlite3_stmt *st, void *data)
{
	const struct visit *v = data;
	struct ledger_federation f = { .name = text(st, 0),
				       .file = text(st, 1),
				       .text = text(st, 2),
				       .generation = number(st, 3) };

	v->federation(&f, v->data);
}

static void row_machine(sqlite3_stmt *st, void *data)
{
	const struct visit *v = data;
	struct ledger_machine m = { .federation = text(st, 0),
				    .name = text(st, 1),
				    .digest = text(st, 2),
				    .image = text(st, 3),
				    .label = text(st, 4),
				    .uplink = number(st, 5),
				    .wanted = number(st, 6),
				    .started = number(st, 7) };

	m.config.len = (size_t)sqlite3_column_bytes(st, 8);
	m.config.data = xmemdup(m.config.len ? sqlite3_column_blob(st, 8) : "", m.config.len);
	v->machine(&m, v->data);
	free(m.config.data);
}

static struct ledger_counts row_counts(sqlite3_stmt *st, int column)
{
	return (struct ledger_counts){ .streams = number(st, column),
				       .tx_bytes = number(st, column + 1),
				       .rx_bytes = number(st, column + 2),
				       .tx_frames = number(st, column + 3),
				       .rx_frames = number(st, column + 4),
				       .dropped = number(st, column + 5) };
}

static void row_link(sqlite3_stmt *st, void *data)
{
	const struct visit *v = data;
	struct ledger_link k = { .federation = text(st, 0),
				 .id = text(st, 1),
				 .digest = text(st, 2),
				 .slot = (uint32_t)number(st, 3),
				 .net = number(st, 4),
				 .cut = number(st, 5),
				 .past = row_counts(st, 6),
				 .life = row_counts(st, 12) };

	v->link(&k, v->data);
}

static void row_operation(sqlite3_stmt *st, void *data)
{
	const struct visit *v = data;
	struct ledger_operation op = { .id = text(st, 0),
				       .federation = text(st, 1),
				       .status = text(st, 2),
				       .json = text(st, 3) };

	v->operation(&op, v->data);
}

int ledger_federations(struct ledger *l, ledger_federation_fn fn, void *data, struct err **err)
{
	struct visit v = { .data = data, .federation = fn };

	return each(l, "SELECT name, file, text, generation FROM federations ORDER BY name",
		    row_federation, &v, err);
}

int ledger_machines(struct ledger *l, ledger_machine_fn fn, void *data, struct err **err)
{
	struct visit v = { .data = data, .machine = fn };

	return each(l, "SELECT * FROM machines ORDER BY federation, name", row_machine, &v, err);
}

int ledger_links(struct ledger *l, ledger_link_fn fn, void *data, struct err **err)
{
	struct visit v = { .data = data, .link = fn };

	return each(l, "SELECT * FROM links ORDER BY federation, id", row_link, &v, err);
}

int ledger_operations(struct ledger *l, ledger_operation_fn fn, void *data, struct err **err)
{
	struct visit v = { .data = data, .operation = fn };

	return each(l, "SELECT id, federation, status, json FROM operations ORDER BY seq",
		    row_operation, &v, err);
}
