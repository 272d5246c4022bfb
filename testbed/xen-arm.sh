#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The patched hypervisor for arm64, which does not lend: it must build as
# before, with XENMEM_lend_op answering "not supported".  The common part of
# lending must compile there, too: what it needs of an architecture is named in
# xen/lend-internal.h, and nothing else.  Neither is booted.
#
#   testbed/xen-arm.sh
. "$(dirname "$0")/lib.sh"

extra=${XG_EXTRA:-$build/extra}
src=$build/xen/src

arm_make()
{
	out=$1
	shift
	mkdir -p "$build/xen/$out/out"
	XG_ROOT=$extra "$top/testbed/in-root" make \
		-C /xen-gpumem/build/xen/src/xen \
		O="/xen-gpumem/build/xen/$out/out" XEN_TARGET_ARCH=arm64 \
		CROSS_COMPILE=aarch64-linux-gnu- XEN_WHOAMI=builder \
		XEN_DOMAIN=testbed -j"$jobs" "$@"
}

build_arm()
{
	"$top/testbed/xen-tree" "${XG_XEN_SRC:-$build/src/xen}" "$src"
	[ -e "$build/xen/arm64/out/.config" ] || arm_make arm64 defconfig
	arm_make arm64
	! grep -q MEM_LEND=y "$build/xen/arm64/out/.config"

	# As if it could be chosen; beside what was built, for the headers that
	# a single object does not make.
	for f in "$top"/hypervisor/common/lend*.c; do
		f=common/$(basename "$f" .c).o
		rm -f "$build/xen/arm64/out/$f"
		arm_make arm64 EXTRA_CFLAGS_XEN_CORE=-DCONFIG_MEM_LEND=1 "$f"
		[ -e "$build/xen/arm64/out/$f" ]
	done
}

XG_EXTRA=$extra "$top/testbed/extra-root.sh"
now=$(find "$top/hypervisor" "$0" -type f | LC_ALL=C sort | xargs cksum | cksum)
stamp=$build/xen/arm64/made-from
[ "$(cat "$stamp" 2>/dev/null)" != "$now" ] || exit 0
logged xen-arm64 "hypervisor for arm64, and the common part of lending" \
	build_arm
echo "$now" >"$stamp"
