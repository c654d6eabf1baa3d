/* SPDX-License-Identifier: MIT */
/*
 * The registers of a 16550A (PC16550D data sheet, 1995) in front of two descriptors.
 *
 * Theory of operation
 *
 * Register accesses come on vCPU threads, descriptors are read and written on the loop's thread only;
 * both hold the machine's lock. A register access that leaves work for the loop signals `kick`: there
 * is output, or room for input. The loop then waits LATENCY_MS for more output, so that a line of text
 * is one write and not eighty.
 *
 * The transmitter is always empty: a byte written is gone. The interrupt line is an edge: it is
 * signalled whenever it rises. A byte written while the line is high keeps it high, so a driver that
 * fills sixteen bytes from its interrupt handler is interrupted once for them.
 *
 * A terminal is read whatever the guest does, for its escape must work when nothing else does. What the
 * guest does not take waits in `typed`; when that is full, so does the terminal, until the guest took
 * nothing for PATIENCE_MS: then it is forgotten.
 */
#include "dev_serial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH, REGS };

#define IER_RX       0x01
#define IER_TX       0x02
#define IER_MASK     0x0f
#define IIR_NONE     0x01
#define IIR_TX       0x02
#define IIR_RX       0x04
#define IIR_TIMEOUT  0x0c /* bytes below the trigger level that nobody fetched */
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define LCR_DLAB     0x80
#define MCR_DTR      0x01
#define MCR_RTS      0x02
#define MCR_OUT1     0x04
#define MCR_OUT2     0x08
#define MCR_LOOP     0x10
#define MCR_MASK     0x1f
#define LSR_DATA     0x01
#define LSR_OVERRUN  0x02
#define LSR_EMPTY    0x60 /* holding register and transmitter */
#define MSR_CTS      0x10
#define MSR_DSR      0x20
#define MSR_RI       0x40
#define MSR_DCD      0x80

#define FIFO        16
#define TYPED_MAX   256
#define OUTPUT_MAX  (32u << 10)
#define LATENCY_MS  3
#define PATIENCE_MS 1000
#define CTRL_A      0x01

struct serial {
	struct loop *loop;
	/* Registers */
	uint8_t ier, lcr, mcr, scratch, dll, dlm;
	bool fifo_enabled, overrun;
	unsigned int trigger; /* level of received bytes */
	bool tx_pending;      /* "transmitter empty" was not reported yet */
	bool line;            /* of the interrupt */
	uint8_t fifo[FIFO];   /* received */
	unsigned int fifo_start, fifo_len;
	/* Descriptors */
	int in, out, irq;
	int kick, own_out;                     /* ours; own_out: out, or -1 */
	bool always_ready;                     /* in: a file, of which epoll knows nothing */
	bool kicked;                           /* the loop will look soon, */
	bool waiting;                          /* its timer runs, */
	bool blocked;                          /* or out takes no more now */
	struct source *in_source, *out_source; /* one source when they are one descriptor */
	struct source *kick_source, *timer;
	/* A terminal, when there is quit */
	loop_fn quit;
	void *quit_data;
	bool escape;
	struct source *patience;
	uint8_t typed[TYPED_MAX]; /* read, and not in the FIFO yet */
	unsigned int typed_len;
	/* Not a struct buf: a vCPU's thread must not ask the kernel for memory. */
	unsigned int output_start, output_len;
	uint8_t output[OUTPUT_MAX];
};

static void signal_eventfd(int fd)
{
	const uint64_t one = 1;

	/* It cannot fail but by a counter of 2^64 - 2 that nobody reads. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void kick(struct serial *s)
{
	if (s->kicked)
		return;
	s->kicked = true;
	signal_eventfd(s->kick);
}

/* Whether the guest takes a byte. */
static bool wants_input(const struct serial *s)
{
	return s->fifo_len < FIFO && !(s->mcr & MCR_LOOP) &&
	       ((s->mcr & MCR_RTS) || (s->ier & IER_RX));
}

/* How much is to be read. */
static unsigned int input_room(const struct serial *s)
{
	if (s->in < 0)
		return 0;
	if (s->quit)
		return TYPED_MAX - s->typed_len;
	return wants_input(s) ? FIFO - s->fifo_len : 0;
}

/* ---- Registers ---------------------------------------------------------------------------------- */

/* The interrupt of the highest priority. */
static uint8_t interrupt(const struct serial *s)
{
	if ((s->ier & IER_RX) && s->fifo_len)
		return s->fifo_len >= s->trigger ? IIR_RX : IIR_TIMEOUT;
	if ((s->ier & IER_TX) && s->tx_pending)
		return IIR_TX;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	const bool line = interrupt(s) != IIR_NONE;

	if (line && !s->line)
		signal_eventfd(s->irq);
	s->line = line;
}

static void receive(struct serial *s, uint8_t byte)
{
	if (s->fifo_len == FIFO) {
		s->overrun = true; /* only in a loop back: input waits for room */
		return;
	}
	s->fifo[(s->fifo_start + s->fifo_len++) % FIFO] = byte;
}

static uint8_t fetch(struct serial *s)
{
	uint8_t byte;

	if (!s->fifo_len)
		return 0;
	byte = s->fifo[s->fifo_start];
	s->fifo_start = (s->fifo_start + 1) % FIFO;
	if (--s->fifo_len == 0)
		kick(s);
	return byte;
}

static void transmit(struct serial *s, uint8_t byte)
{
	s->tx_pending = true;
	if (s->mcr & MCR_LOOP) {
		receive(s, byte);
	} else if (s->out >= 0 && s->output_len < OUTPUT_MAX) {
		s->output[(s->output_start + s->output_len++) % OUTPUT_MAX] = byte;
		if (!s->blocked && !s->waiting)
			kick(s);
	}
}

static uint8_t modem_status(const struct serial *s)
{
	static const uint8_t looped[][2] = { { MCR_RTS, MSR_CTS },
					     { MCR_DTR, MSR_DSR },
					     { MCR_OUT1, MSR_RI },
					     { MCR_OUT2, MSR_DCD } };
	uint8_t status = 0;

	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	for (size_t i = 0; i < ARRAY_SIZE(looped); i++)
		if (s->mcr & looped[i][0])
			status |= looped[i][1];
	return status;
}

static uint8_t read_interrupt(struct serial *s)
{
	const uint8_t iir = interrupt(s);

	if (iir == IIR_TX)
		s->tx_pending = false; /* reported */
	return iir | (s->fifo_enabled ? IIR_FIFO : 0);
}

static uint8_t read_line_status(struct serial *s)
{
	const uint8_t status =
		LSR_EMPTY | (s->fifo_len ? LSR_DATA : 0) | (s->overrun ? LSR_OVERRUN : 0);

	s->overrun = false;
	return status;
}

static void write_ier(struct serial *s, uint8_t value)
{
	if (value & ~s->ier & IER_TX)
		s->tx_pending = true;
	s->ier = value & IER_MASK;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };
	const bool enabled = value & FCR_ENABLE;

	if (enabled != s->fifo_enabled || (value & FCR_CLEAR_RX))
		s->fifo_len = 0;
	s->fifo_enabled = enabled;
	s->trigger = enabled ? levels[value >> 6] : 1;
}

static uint8_t read_register(struct serial *s, uint64_t reg)
{
	const bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		return dlab ? s->dll : fetch(s);
	case REG_IER:
		return dlab ? s->dlm : s->ier;
	case REG_IIR_FCR:
		return read_interrupt(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_line_status(s);
	case REG_MSR:
		return modem_status(s);
	default:
		return s->scratch;
	}
}

static void write_register(struct serial *s, uint64_t reg, uint8_t value)
{
	const bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			s->dll = value;
		else
			transmit(s, value);
		break;
	case REG_IER:
		if (dlab)
			s->dlm = value;
		else
			write_ier(s, value);
		break;
	case REG_IIR_FCR:
		write_fcr(s, value);
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		s->mcr = value & MCR_MASK;
		break;
	case REG_SCRATCH:
		s->scratch = value;
		break;
	default: /* the status registers are read-only */
		break;
	}
}

static uint64_t handle_read(void *device, uint64_t offset, unsigned int size)
{
	struct serial *s = device;
	const uint8_t value = read_register(s, offset);

	(void)size; /* the ports are of one byte */
	update_line(s);
	return value;
}

static void handle_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct serial *s = device;
	const bool wanted = wants_input(s);

	(void)size;
	write_register(s, offset, (uint8_t)value);
	update_line(s);
	if (!wanted && wants_input(s))
		kick(s);
}

const struct bus_ops serial_ops = { "serial", handle_read, handle_write };

/* ---- Descriptors -------------------------------------------------------------------------------- */

static void update_events(struct serial *s)
{
	const uint32_t in = input_room(s) && !s->always_ready ? EPOLLIN : 0;
	const uint32_t out = s->blocked ? EPOLLOUT : 0;

	if (s->in_source && s->in_source == s->out_source) {
		source_set_events(s->in_source, in | out);
		return;
	}
	if (s->in_source)
		source_set_events(s->in_source, in);
	if (s->out_source)
		source_set_events(s->out_source, out);
}

/* Writes a piece; whether to go on. */
static bool write_output(struct serial *s)
{
	const unsigned int to_end = OUTPUT_MAX - s->output_start;
	const ssize_t n = write(s->out, s->output + s->output_start,
				s->output_len < to_end ? s->output_len : to_end);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN) {
		s->blocked = true;
		return false;
	}
	if (n < 0) {
		s->out =
			-1; /* nobody is there any more; the guest cannot tell, as on a real port */
		return false;
	}
	s->output_len -= (unsigned int)n;
	/* From the begin when it can be: fewer pages are touched. */
	s->output_start = s->output_len ? (s->output_start + (unsigned int)n) % OUTPUT_MAX : 0;
	return true;
}

void serial_flush(struct serial *s)
{
	if (!s)
		return;
	s->blocked = false;
	while (s->out >= 0 && s->output_len && write_output(s))
		;
	update_events(s);
}

/* Whether the byte is for the guest. */
static bool pass_byte(struct serial *s, uint8_t byte)
{
	const bool escape = s->escape;

	if (!s->quit)
		return true;
	s->escape = !escape && byte == CTRL_A;
	if (escape && (byte == 'x' || byte == 'X')) {
		s->quit(s->quit_data);
		return false;
	}
	return !s->escape;
}

/* What was typed, as far as the guest takes it. */
static void pass_typed(struct serial *s)
{
	unsigned int n = 0;

	while (n < s->typed_len && wants_input(s))
		receive(s, s->typed[n++]);
	s->typed_len -= n;
	memmove(s->typed, s->typed + n, s->typed_len);
	if (n)
		source_arm(s->patience, -1);
	update_line(s);
}

static void read_input(struct serial *s)
{
	const unsigned int room = input_room(s);
	uint8_t bytes[TYPED_MAX];
	ssize_t n;

	if (!room)
		return;
	n = read(s->in, bytes, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		s->in = -1; /* there comes no more */
	for (ssize_t i = 0; i < n; i++)
		if (pass_byte(s, bytes[i]))
			s->typed[s->typed_len++] = bytes[i];
	pass_typed(s);
	if (s->typed_len == TYPED_MAX)
		source_arm(s->patience, PATIENCE_MS);
}

static void handle_in(int fd, uint32_t events, void *data)
{
	struct serial *s = data;

	(void)fd;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_input(s);
	if (s->blocked && s->in_source == s->out_source)
		serial_flush(s);
	update_events(s);
}

static void handle_out(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	serial_flush(data);
}

static void handle_timer(void *data)
{
	struct serial *s = data;

	s->waiting = false;
	serial_flush(s);
}

static void handle_patience(void *data)
{
	struct serial *s = data;

	s->typed_len = 0;
	update_events(s);
}

static void handle_kick(int fd, uint32_t events, void *data)
{
	struct serial *s = data;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	s->kicked = false;
	pass_typed(s);
	if (s->always_ready)
		read_input(s);
	update_events(s);
	if (s->output_len && !s->blocked && !s->waiting) {
		s->waiting = true;
		source_arm(s->timer, LATENCY_MS);
	}
}

static bool is_always_ready(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	       !isatty(fd);
}

/*
 * Makes the output such that a write does not wait. O_NONBLOCK is in force for everybody who shares an
 * open file, as the shell does with its terminal: a terminal or pipe is opened once more for us.
 */
static void open_output(struct serial *s, int out)
{
	char path[32];
	struct stat st;

	s->out = out;
	if (out < 0 || fstat(out, &st) < 0 || S_ISREG(st.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	if (S_ISFIFO(st.st_mode) || isatty(out))
		s->own_out = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (s->own_out >= 0)
		s->out = s->own_out;
	else
		fd_set_nonblock(out, true);
}

int serial_create(struct loop *loop, int in, int out, int irq, struct serial **ret,
		  struct err **err)
{
	const int kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct serial *s;

	if (kick_fd < 0)
		return err_set_errno(err, errno, "serial port: eventfd");
	s = xcalloc(1, sizeof(*s));
	s->loop = loop;
	s->in = in;
	s->irq = irq;
	s->kick = kick_fd;
	s->own_out = -1;
	s->trigger = 1;
	s->always_ready = is_always_ready(in);
	open_output(s, out);
	s->kick_source = loop_add_fd(loop, kick_fd, EPOLLIN, handle_kick, s);
	s->timer = loop_add_timer(loop, handle_timer, s);
	s->patience = loop_add_timer(loop, handle_patience, s);
	if (in >= 0)
		s->in_source = loop_add_fd(loop, in, 0, handle_in, s);
	if (s->out >= 0)
		s->out_source =
			in == s->out ? s->in_source : loop_add_fd(loop, s->out, 0, handle_out, s);
	*ret = s;
	return 0;
}

void serial_destroy(struct serial *s)
{
	if (!s)
		return;
	serial_flush(s);
	if (s->out_source != s->in_source)
		source_remove(s->out_source);
	source_remove(s->in_source);
	source_remove(s->kick_source);
	source_remove(s->timer);
	source_remove(s->patience);
	fd_close(&s->kick);
	fd_close(&s->own_out);
	free(s);
}

void serial_set_escape(struct serial *s, loop_fn quit, void *data)
{
	s->quit = quit;
	s->quit_data = data;
	update_events(s);
}
