/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between init.c (what happens when) and outbox.c (what leaves the machine).
 */
#ifndef TESTBED_INIT_H
#define TESTBED_INIT_H

#include "xg.h"

#define GUEST_LOG_DIR	"/var/log/xen/console"

void to_console(const char *prefix, const char *line);
void write_all(int fd, const void *buf, size_t len);
void forward_guest_logs(bool last);
void send_files(int fd, const char *path);

#endif
