#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make another kernel for dom0 than the tool root's, under build/kernel-NAME/:
#
#   release      its release
#   version      of the packages that it comes from
#   vmlinux      what boots
#   root/        its modules, as modprobe -d wants them
#   build        what kbuild wants to build modules for it
#
#   testbed/kernel.sh 6.12      the stable distribution's, as it is
#
# The packages come from the tool root's own suites; apt checks them; they are
# kept in build/dl and unpacked here, never installed.  What has been made stays,
# also where a suite has moved on: a second run looks at a stamp and nothing
# else.  To have the newest one, remove build/kernel-NAME.
. "$(dirname "$0")/lib.sh"

# What it looks up and makes of its lists is gone with its /tmp.
apt='-q -o Dir::Cache=/tmp -o APT::Sandbox::User=root'

# download PACKAGE=VERSION... into build/dl, whole or not at all; prints the
# files' names
download()
{
	mkdir -p "$build/dl"
	"$top/testbed/in-root" sh -eu -c '
		apt=$1
		shift
		cd build/dl
		rm -rf part
		mkdir part
		for p in "$@"; do
			name=${p%%=*}_$(echo "${p#*=}" | sed s/:/%3a/)
			set -- "$name"_*.deb
			if [ ! -e "$1" ]; then
				(cd part && apt-get $apt download "$p") >&2
				mv "part/$name"_*.deb .
			fi
			echo "$name"_*.deb
		done
		rmdir part
	' sh "$apt" "$@"
}

# The suites move on, and the tool root may have been made long before that.
refresh()
{
	echo "not there: asking the archive what it has now"
	"$top/testbed/in-root" apt-get $apt update
}

# --- from a binary package ------------------------------------------------

# "RELEASE VERSION" of the newest of series NAME with both image and headers:
# the image is signed, and so comes some time after the headers.
newest()
{
	"$top/testbed/in-root" sh -eu -c '
		list="-o Dir::Cache=/tmp search --names-only"
		only="show -o Dir::Cache=/tmp --no-all-versions"
		apt-cache $list "^linux-image-$1\.[0-9]+\+deb[0-9.]+-amd64\$" |
		sed "s/^linux-image-\([^ ]*\) .*/\1/" | sort -rV |
		while read -r r; do
			v=$(apt-cache $only "linux-image-$r" |
			    sed -n "s/^Version: //p")
			h=$(apt-cache $only "linux-headers-$r" |
			    sed -n "s/^Version: //p")
			[ "$v" = "$h" ] || continue
			echo "$r $v"
			break
		done
	' sh "$1"
}

# Sets release, version and files.
get_packages()
{
	chosen=$(newest "$name")
	[ -n "$chosen" ] || return 1
	release=${chosen% *} version=${chosen#* }
	common=${release%-amd64}
	files=$(download "linux-image-$release=$version" \
		"linux-headers-$release=$version" \
		"linux-headers-$common-common=$version" \
		"linux-kbuild-$common=$version")
}

# An image with its headers, as if installed in root/.
unpack_packages()
{
	rm -rf "$out/root"
	"$top/testbed/in-root" sh -eu -c '
		to=/xen-gpumem/build/kernel-$1 release=$2
		shift 2
		for deb in "$@"; do
			dpkg-deb -x build/dl/$deb $to/root
		done
		if [ -d $to/root/usr/lib/modules ]; then
			mkdir -p $to/root/lib
			mv $to/root/usr/lib/modules $to/root/lib/modules
		fi
		depmod -b $to/root $release
		# This names another package by where it would be installed.
		sed -i "s#/usr/src/#$to/root/usr/src/#" \
			$to/root/usr/src/linux-headers-$release/Makefile
	' sh "$name" "$release" "$@"
	ln -sfn "root/usr/src/linux-headers-$release" "$out/build"
}

make_packaged()
{
	get_packages || {
		refresh
		get_packages
	}
	unpack_packages $files
	extract_kernel "/xen-gpumem/build/kernel-$name/root/boot/vmlinuz-$release" \
		"$out/vmlinux"
	echo "$version" >"$out/version"
	echo "$release" >"$out/release"
}

packaged()
{
	want=$(cksum <"$top/testbed/kernel.sh")
	[ "$(cat "$out/stamp" 2>/dev/null)" != "$want" ] || return 0
	rm -f "$out/stamp"
	logged "kernel-$name" "Linux $name from its packages" make_packaged
	echo "$want" >"$out/stamp"
	say "Linux $(cat "$out/release") for KERNEL=$name"
}

# --------------------------------------------------------------------------

name=${1:-}
out=$build/kernel-$name
case $name in
6.12) mkdir -p "$out" && packaged ;;
*) die "usage: testbed/kernel.sh 6.12" ;;
esac
