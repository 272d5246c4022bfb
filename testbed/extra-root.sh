#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make build/extra: a second, smaller tool root, for what only the whole matrix
# of hypervisor builds needs (make xen-matrix): a compiler for arm64, and the
# compiler of FLASK policies.  Nothing that is booted comes from it but that
# policy.  XG_EXTRA names one that is there already.
. "$(dirname "$0")/lib.sh"

suite=trixie
extra=${XG_EXTRA:-$build/extra}
packages="gcc libc6-dev make flex bison bc python3 perl gzip m4
checkpolicy gcc-aarch64-linux-gnu"

want=$(echo $suite $packages | cksum)
[ "$(cat "$extra/.xen-gpumem" 2>/dev/null)" != "$want" ] || exit 0
command -v mmdebstrap >/dev/null || die "mmdebstrap is missing (make root)"
[ "$(id -u)" -eq 0 ] || die "making a tool root needs root: run it once as root"

make_extra()
{
	rm -rf "$extra" "$extra.tmp"
	mmdebstrap --variant=apt --include="$(echo $packages | tr ' ' ,)" \
		$suite "$extra.tmp"
	mv "$extra.tmp" "$extra"
}

logged extra-root "making ${extra#"$top"/}, a minute" make_extra
echo "$want" >"$extra/.xen-gpumem"
