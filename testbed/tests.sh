#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the programs that run inside the emulated machine, with the tool root's
# compiler.  The unit tests are built when they are run.
. "$(dirname "$0")/lib.sh"

build_tests()
{
	for dir in tests tests/mock bench; do
		"$top/testbed/in-root" make -C $dir -j"$jobs"
	done
	# The library's tests stand on both: the mock's library, and our own.
	"$top/testbed/in-root" make -C userspace -j"$jobs" lib image
	"$top/testbed/in-root" make -C tests/userspace -j"$jobs"
	"$top/testbed/in-root" make -C igt-tests -j"$jobs" all forms
}

logged tests "test programs" build_tests
