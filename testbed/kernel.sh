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
#   testbed/kernel.sh debug     the tool root's version, built from source with
#                               testbed/kernel/debug.config and *.patch
#   testbed/kernel.sh debug-pv  the same for a PV dom0, where in Linux 7.3 KASAN has
#                               no beginning, and lockdep's large locks no place:
#                               mmu_pv.c keeps a pointer of its own where the page
#                               of a table has one to its lock.  Fewer CPUs than
#                               four have one lock for all
#
# The packages come from the tool root's own suites; apt checks them; they are
# kept in build/dl and unpacked here, never installed.  What has been made stays,
# also where a suite has moved on: a second run looks at a stamp and nothing
# else.  Only another configuration, or another kernel in the tool root, has
# "debug" built anew.  To have the newest one, remove build/kernel-NAME.
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

# --- from source ----------------------------------------------------------

# The source of what the tool root runs; or, where the archive has dropped that,
# of the newest of the same series.  Sets deb and version.
get_source()
{
	version=$("$top/testbed/in-root" sh -eu -c '
		exact=$(dpkg-query -W -f "\${Version}" linux-headers-$1)
		there=$(apt-cache -o Dir::Cache=/tmp madison linux-source-$2 |
			sed "s/^[^|]*| *\([^ ]*\) .*/\1/")
		echo "$there" | grep -xF "$exact" || echo "$there" | head -n 1
	' sh "$stock" "$series")
	[ -n "$version" ] || return 1
	deb=$(download "linux-source-$series=$version")
}

# Without the documentation, which is not needed but for its Kconfig's name.
unpack_source()
{
	get_source || {
		refresh
		get_source || {
			echo "no source of Linux $series: the tool root is too old (remove build/root)"
			return 1
		}
	}
	rm -rf "$out/src" "$out/obj" "$out/deb"
	mkdir -p "$out/src/Documentation"
	: >"$out/src/Documentation/Kconfig"
	"$top/testbed/in-root" sh -eu -c '
		dpkg-deb -x build/dl/$1 build/kernel-$2/deb
		cd build/kernel-$2
		tar -xJf deb/usr/src/linux-source-$3.tar.xz -C src \
			--strip-components=1 \
			--exclude="linux-source-*/Documentation/*"
		for p in /xen-gpumem/testbed/kernel/*.patch; do
			patch -d src -p1 -F0 <$p
		done
	' sh "$deb" "$name" "$series"
	rm -r "$out/deb"
	echo "$version" >"$out/version"
	echo "$from" >"$out/src.for"
}

# Nothing may be lost on the way from our list to what is built: an option that
# was renamed would take its checks along in silence.
configure()
{
	"$top/testbed/in-root" make -C "$src" O="$obj" \
		KCONFIG_ALLCONFIG="/xen-gpumem/build/kernel-$name/config" \
		allnoconfig
	lost=0
	grep -e ^CONFIG_ -e ' is not set$' "$out/config" >"$out/wanted"
	while read -r line; do
		grep -qxF "$line" "$out/obj/.config" || {
			echo "not in the outcome: $line"
			lost=1
		}
	done <"$out/wanted"
	return $lost
}

# Where a PVH domain begins, KASAN has no memory yet, and what runs before it has
# must do without.  The ordinary entry, of a bzImage, sees to that itself.
unchecked=$(printf 'KASAN_SANITIZE_%s.o=n ' string enlighten_pvh enlighten common cpuid_parser intel amd hygon centaur zhaoxin cpu vga)

make_kernel()
{
	"$top/testbed/in-root" nice make -C "$src" O="$obj" -j"$jobs" \
		$unchecked bzImage modules
	rm -rf "$out/root"
	"$top/testbed/in-root" sh -eu -c '
		make -C $1 O=$2 INSTALL_MOD_PATH=$3/root INSTALL_MOD_STRIP=1 \
			modules_install
		cp $2/arch/x86/boot/bzImage $3/vmlinux
	' sh "$src" "$obj" "/xen-gpumem/build/kernel-$name"
	cp "$out/obj/include/config/kernel.release" "$out/release"
	ln -sfn obj "$out/build"
}

# It takes long: say how far it is.
tell_progress()
{
	while sleep 60 </dev/null >/dev/null 2>&1; do
		say "$(grep -c '^  \(CC\|AS\) ' "$1" 2>/dev/null) files compiled so far"
	done
}

# The source is unpacked for "debug", and serves both.
built()
{
	stock=$(kernel_release)
	series=$(echo "$stock" | cut -d. -f1,2)
	from="$stock $(cat "$top"/testbed/kernel/*.patch | cksum)"
	want="$from $unchecked $(cksum <"$out/config")"
	[ "$(cat "$out/stamp" 2>/dev/null)" != "$want" ] || return 0
	rm -f "$out/stamp"
	if [ "$(cat "$build/kernel-debug/src.for" 2>/dev/null)" != "$from" ]; then
		[ "$name" = debug ] || "$top/testbed/kernel.sh" debug
		[ "$name" != debug ] || logged kernel-source \
			"source of Linux $series" unpack_source
	fi
	cmp -s "$build/kernel-debug/version" "$out/version" ||
		cp "$build/kernel-debug/version" "$out/version"
	logged "kernel-$name-config" "its configuration, ${config#"$top"/}" configure
	: >"$build/logs/kernel-$name.log"
	tell_progress "$build/logs/kernel-$name.log" 9>&- &
	trap 'kill $! 2>/dev/null || :' EXIT
	logged "kernel-$name" \
		"Linux $(cat "$out/version") with every check, some 10 minutes of one CPU" \
		make_kernel
	echo "$want" >"$out/stamp"
	say "Linux $(cat "$out/release") for KERNEL=$name"
}

# --------------------------------------------------------------------------

name=${1:-}
out=$build/kernel-$name
config=$top/testbed/kernel/debug.config
# The same as the tool root sees them.
src=/xen-gpumem/build/kernel-debug/src
obj=/xen-gpumem/build/kernel-$name/obj
case $name in
6.12)
	mkdir -p "$out"
	packaged
	;;
debug)
	mkdir -p "$out"
	cp "$config" "$out/config"
	built
	;;
debug-pv)
	mkdir -p "$out"
	sed -e /^CONFIG_KASAN/d -e 's/^\(CONFIG_NR_CPUS\)=.*/\1=3/' "$config" \
		>"$out/config"
	built
	;;
*)
	die "usage: testbed/kernel.sh 6.12|debug|debug-pv"
	;;
esac
