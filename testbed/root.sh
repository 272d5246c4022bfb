#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the tool root, build/root: one small Debian system in which everything
# that has to match comes from one place (compiler and kernel headers, Xen's
# tools and its hypervisor's configuration, QEMU), whatever the host runs.
#
# It is made aside and moved into place when it is whole.  Once there, it only
# changes when the package list below does: missing packages are then added.
. "$(dirname "$0")/lib.sh"

suite=trixie
backports=$suite-backports
xen=4.20

# Why each is here: build tools; what the kernel's and Xen's builds call; Xen's
# tools and libraries; the emulator with qxl; headers for the test programs;
# checkers; the picture; the library of the IGT tests.
packages="ca-certificates curl
gcc g++ make libc6-dev flex bison bc python3 perl patch dpkg-dev pkg-config
xz-utils zstd cpio gzip kmod libelf-dev libssl-dev
xen-hypervisor-$xen-amd64 xen-utils-$xen xenstore-utils libxen-dev
qemu-system-x86 qemu-system-modules-spice
libdrm-dev busybox-static sparse strace netpbm
meson ninja-build python3-venv python3-pycotap libglib2.0-dev libpixman-1-dev
libspice-server-dev libfdt-dev
intel-gpu-tools"
kernel_packages="linux-image-amd64 linux-headers-amd64"
host_needs="mmdebstrap arch-test curl python3 make xz unshare chroot"

need_host()
{
	missing=
	for c in $host_needs; do
		command -v "$c" >/dev/null || missing="$missing $c"
	done
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing="$missing debian-archive-keyring"
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
		logged root-host "installing on the host:$missing" \
			install_host "$missing"
		return 0
	fi
	die "missing on this machine:$missing (as root: apt-get install mmdebstrap debian-archive-keyring arch-test curl python3 make xz-utils util-linux)"
}

install_host()
{
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y \
		--no-install-recommends mmdebstrap debian-archive-keyring \
		arch-test curl python3 make xz-utils util-linux
}

bootstrap()
{
	rm -rf "$root.tmp"
	mmdebstrap --variant=apt --include="$(echo $packages | tr ' ' ,)" \
		$suite "$root.tmp"
	add_sources "$root.tmp"
	XG_ROOT=$root.tmp install_packages
}

# The suites that mmdebstrap did not write, from the mirrors it chose.
add_sources()
{
	lists=$1/etc/apt/sources.list.d
	sed -n "s/ $suite-updates / $backports /p" "$1/etc/apt/sources.list" \
		>"$lists/backports.list"
	[ -s "$lists/backports.list" ] || {
		echo "no $suite-updates line to derive $backports from"
		return 1
	}
	sed -n 's/^deb /deb-src /p' "$1/etc/apt/sources.list" \
		>"$lists/source.list"
	cp -L /etc/resolv.conf "$1/etc/resolv.conf"
}

install_packages()
{
	"$top/testbed/in-root" env INITRD=No DEBIAN_FRONTEND=noninteractive \
		sh -eu -c '
		apt-get update
		apt-get install -y --no-install-recommends $2
		apt-get install -y --no-install-recommends -t $1 $3
		apt-get clean
	' sh "$backports" "$(echo $packages)" "$kernel_packages"
}

record_versions()
{
	"$top/testbed/in-root" sh -c 'dpkg-query -W; uname -m' >"$root.versions"
}

stamp=$root/.xen-gpumem
want=$(echo $suite $packages $kernel_packages | cksum)

if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
	exit 0
fi
need_host
[ "$(id -u)" -eq 0 ] || die "making the tool root needs root (chroot, mounts): run 'sudo make root' once"
mkdir -p "$build"
if [ -x "$root/bin/sh" ]; then
	logged root-packages "adding packages to ${root#"$top"/}" install_packages
else
	logged root-bootstrap "making ${root#"$top"/}, 1 to 3 minutes" bootstrap
	mv "$root.tmp" "$root"
fi
record_versions
kernel_release >/dev/null
echo "$want" >"$stamp"
say "tool root with Linux $(kernel_release), Xen $xen, $(grep -c . "$root.versions") packages"
