/* SPDX-License-Identifier: MIT */
/*
 * Owns: a light machine's network interfaces as they are made: taps in its own network namespace,
 * whose frames go to the monitor's descriptor. Not: their names and addresses, which atoll-init
 * sets.
 */
#include "kind_light.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"

#define FIRST_NAME "_nic%zu" /* no machine's name, which the interface gets later, has a "_" */

static int parse_mac(const char *text, char *ret_mac)
{
	unsigned int byte[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &end) != 6 ||
	    text[end])
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		ret_mac[i] = byte[i];
	return 0;
}

static int set_up(const struct machine_nic *nic, struct ifreq *ifr, struct err **err)
{
	cleanup_fd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return err_set_errno(err, errno, "socket");
	if (nic->mac) {
		ifr->ifr_hwaddr.sa_family = ARPHRD_ETHER;
		if (parse_mac(nic->mac, ifr->ifr_hwaddr.sa_data) < 0)
			return err_set(err, EINVAL, "\"%s\" is no MAC address", nic->mac);
		if (ioctl(sock, SIOCSIFHWADDR, ifr) < 0)
			return err_set_errno(err, errno, "cannot set the address %s", nic->mac);
	}
	ifr->ifr_mtu = nic->mtu;
	if (nic->mtu && ioctl(sock, SIOCSIFMTU, ifr) < 0)
		return err_set_errno(err, errno, "cannot set the MTU %llu",
				     (unsigned long long)nic->mtu);
	return 0;
}

int light_nic_create(const struct machine_nic *nic, size_t index, int *ret_tap, struct err **err)
{
	/* A tap is made in the namespace that its descriptor was opened in. */
	cleanup_fd int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int r;

	if (tap < 0)
		return err_set_errno(err, errno, "/dev/net/tun");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), FIRST_NAME, index);
	if (ioctl(tap, TUNSETIFF, &ifr) < 0)
		return err_set_errno(err, errno, "/dev/net/tun: cannot make %s", ifr.ifr_name);
	r = set_up(nic, &ifr, err);
	if (r < 0)
		return r;
	*ret_tap = steal_fd(&tap);
	return 0;
}
