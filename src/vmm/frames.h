/* SPDX-License-Identifier: MIT */
/*
 * Ethernet frames to and from the outside: a stream socket with each frame behind its length (4 bytes,
 * big endian; as QEMU and passt have it), or a tap interface. Frames are received and sent many at a
 * time: the system call per frame is the tap's alone. Nothing here waits.
 */
#ifndef VMM_FRAMES_H
#define VMM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "err.h"

#define FRAME_MIN 14           /* a header alone */
#define FRAME_MAX (65535 + 14) /* the longest that an interface can have */

#define FRAMES_IOV_MAX 256 /* buffers of one frame that is sent */

struct frames;

/* Takes over fd, on failure too. */
int frames_create(int fd, bool tap, struct frames **ret, struct err **err);
void frames_destroy(struct frames *f); /* accepts NULL */
int frames_fd(const struct frames *f); /* for the event loop */
/* Lets the peer go: nothing is received or sent any more. */
void frames_close(struct frames *f);

/*
 * Receives what there is, once every frame that frames_next gave was consumed. 1: there may be more; 0:
 * nothing more for now; -errno: the peer is gone (-ENODATA).
 */
int frames_receive(struct frames *f);
/* 1: the next frame, until it is consumed; 0: none is whole; -EPROTO: this peer does not send frames. */
int frames_next(struct frames *f, const uint8_t **ret, size_t *ret_len);
void frames_consume(struct frames *f);

/*
 * Frames to send. frames_begin gives the place for up to FRAMES_IOV_MAX buffers of the next one, NULL
 * when some have to be sent first; frames_add adds it. The buffers stay in place until frames_sent
 * gave the tag back.
 */
struct iovec *frames_begin(struct frames *f);
void frames_add(struct frames *f, unsigned int n_iov, size_t len, uint16_t tag);
/* 1: all are sent; 0: no more go for now (EPOLLOUT); -errno: the peer is gone. */
int frames_send(struct frames *f);
bool frames_sent(struct frames *f, uint16_t *ret_tag);
/* There is no peer for what is not sent: frames_sent gives all of it back. */
void frames_drop(struct frames *f);
/* The buffers of what is not sent are not touched any more. A frame that is half out will be sent. */
void frames_forget(struct frames *f);

#endif
