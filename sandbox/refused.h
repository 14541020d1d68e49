/* SPDX-License-Identifier: MIT */
/** Who tells of refused calls. Private to sandbox/. */
#ifndef TWIN86_SANDBOX_REFUSED_H
#define TWIN86_SANDBOX_REFUSED_H

/** From now on in this process a refused call fails with EPERM, and a line to `fd` tells of it. 0 or -errno. */
int sandbox_tell_refused(int fd);

/** Where /etc/resolv.conf is open, for threads that must not open files: libslirp reads there which name servers the
 * host has. -1: nowhere; opening it is refused as others are. */
void sandbox_lend_resolv_conf(int fd);

#endif
