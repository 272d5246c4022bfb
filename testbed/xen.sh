#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the hypervisor: Xen's source + hypervisor/ -> build/xen/VARIANT/xen
#
#   testbed/xen.sh [VARIANT...]
#
#   debug     MEM_LEND, Xen's own assertions on (the default)
#   release   MEM_LEND as a distribution would build it
#   off       our patches applied, MEM_LEND=n: must build and boot
#   flask     debug with FLASK and its default policy built in; enforces it if
#             told to (flask=enforcing).  Needs testbed/extra-root.sh
#   flask-off FLASK without MEM_LEND: must build
#   pristine  without our patches, to compare with
#
# All but the last share one source tree, build/xen/src, which testbed/xen-tree
# keeps up to date file by file, so that a change in one file costs seconds.
# Checking that free pages are clean (SCRUB_DEBUG) costs seconds of every boot
# and says nothing about us: off.
. "$(dirname "$0")/lib.sh"

pristine=${XG_XEN_SRC:-$build/src/xen}
extra=${XG_EXTRA:-$build/extra}
release=4.20

# Sources that are known to build and to fit the toolstack's ABI, best first.
# Used where the archive has no source for the exact version that is installed.
fallback='xen_4.20.3+127-gc42374a105.orig.tar.xz df0831854a55a8f31cb3cb85036f2edc928e2ef098d77f815f5714bfafac68f3'

# "URL NAME SHA256" of the source that matches the installed hypervisor.
exact_source()
{
	"$top/testbed/in-root" sh -c '
		v=$(dpkg-query -Wf "\${source:Version}" xen-hypervisor-'$release'-amd64)
		apt-get source --print-uris --only-source "xen=$v" 2>/dev/null' |
	sed -n "s/^'\([^']*\)' \(xen_[^ ]*\.orig\.tar\.[a-z]*\) [0-9]* SHA256:\(.*\)/\1 \2 \3/p"
}

get_source()
{
	exact=$(exact_source) || exact=
	if [ -n "$exact" ] && fetch $exact; then
		say "source: $(echo "$exact" | cut -d' ' -f2), the installed version"
		name=$(echo "$exact" | cut -d' ' -f2)
	else
		name=
		say "source of the installed version not there: trying known ones"
		while read -r file sha; do
			if fetch "$(mirror)/pool/main/x/xen/$file" "$file" "$sha"; then
				name=$file
				say "source: $name"
				break
			fi
		done <<-EOF
		$fallback
		EOF
	fi
	[ -n "$name" ] || die "no Xen source could be fetched (build/dl)"
	rm -rf "$pristine.new"
	mkdir -p "$pristine.new"
	tar -xf "$build/dl/$name" -C "$pristine.new" --strip-components=1
	[ -e "$pristine.new/xen/Makefile" ] || die "$name is not a Xen tree"
	echo "$name" >"$pristine.new/.xen-gpumem-source"
	mv "$pristine.new" "$pristine"
}

# One self test fails on an emulator that raises #GP where it should be #SS, and
# Xen counts from 3 down to 1 at each boot to tell about it.
debug='CONFIG_DEBUG=y CONFIG_SCRUB_DEBUG=n CONFIG_SELF_TESTS=n'

options()
{
	case $1 in
	debug)	 echo "$debug CONFIG_MEM_LEND=y" ;;
	release) echo 'CONFIG_DEBUG=n CONFIG_MEM_LEND=y' ;;
	off)	 echo "$debug CONFIG_MEM_LEND=n" ;;
	flask)	 echo "$debug CONFIG_XSM=y CONFIG_XSM_FLASK=y" \
		      'CONFIG_XSM_FLASK_POLICY=y CONFIG_MEM_LEND=y' ;;
	flask-off) echo 'CONFIG_DEBUG=n CONFIG_XSM=y CONFIG_XSM_FLASK=y' \
		      'CONFIG_XSM_FLASK_POLICY=n CONFIG_MEM_LEND=n' ;;
	pristine) echo "$debug" ;;
	*)	 die "no such variant: $1" ;;
	esac
}

# Kconfig drops what it does not know: ask what became of each option.
check_config()
{
	for o in $2; do
		case $o in
		*=n) ! grep -q "^${o%=n}=y" "$1" ;;
		*)   grep -q "^$o" "$1" ;;
		esac || { echo "Kconfig did not take $o"; return 1; }
	done
}

configure()
{
	variant=$1 src=$2 out=$3 opts=$4
	{
		sed '/CONFIG_\(DEBUG\|MEM_LEND\|EXPERT\|UNSUPPORTED\|XSM\)\b/d' \
			"$root/boot/xen-$release-amd64.config"
		printf '%s\n' CONFIG_EXPERT=y CONFIG_UNSUPPORTED=y
		printf '%s\n' $opts | sed 's/^\(.*\)=n$/# \1 is not set/'
	} >"$out/.config.want"
	key=$(cat "$out/.config.want" "$src"/xen/Kconfig* "$src"/xen/*/Kconfig* \
		"$src"/xen/arch/x86/Kconfig* | cksum)
	[ "$(cat "$out/.config.key" 2>/dev/null)" != "$key" ] || return 0
	cp "$out/.config.want" "$out/.config"
	xen_make "$src" "$out" olddefconfig
	check_config "$out/.config" "$opts"
	echo "$key" >"$out/.config.key"
}

xen_make()
{
	src=$1 out=$2
	shift 2
	XG_ROOT=$make_root "$top/testbed/in-root" make -C "/xen-gpumem/${src#"$top"/}/xen" \
		O="/xen-gpumem/${out#"$top"/}" XEN_TARGET_ARCH=x86_64 \
		XEN_WHOAMI=builder XEN_DOMAIN=testbed -j"$jobs" "$@"
}

# What a build was made from: unchanged sources need no make at all.
inputs()
{
	{
		cksum "$pristine/xen/Makefile" "$0" "$top/testbed/xen-tree"
		echo "$1"
		if [ "$1" != pristine ]; then
			find "$top/hypervisor" -type f | LC_ALL=C sort |
				xargs cksum
		fi
	} | cksum
}

build_variant()
{
	variant=$1 src=$build/xen/src out=$build/xen/$1/out opts=$(options "$1")
	mkdir -p "$out"
	# The compiler of policies is not in the tool root.
	case $variant in
	flask) make_root=$extra ;;
	*)     make_root=$root ;;
	esac
	if [ "$variant" = pristine ]; then
		src=$pristine
	else
		"$top/testbed/xen-tree" "$pristine" "$src"
		[ -e "$src/xen/include/public/lend.h" ] &&
			grep -rqs 'config MEM_LEND' "$src"/xen/common/Kconfig \
				"$src"/xen/arch/x86/Kconfig || {
			echo "hypervisor/ does not add MEM_LEND yet"
			opts=${opts%% CONFIG_MEM_LEND*}
		}
	fi
	configure "$variant" "$src" "$out" "$opts"
	xen_make "$src" "$out"
	cmp -s "$out/xen" "$build/xen/$variant/xen" ||
		cp "$out/xen" "$build/xen/$variant/xen"
}

[ "$#" -gt 0 ] || set -- debug
[ -e "$pristine/xen/Makefile" ] || get_source
for v in "$@"; do
	options "$v" >/dev/null
	now=$(inputs "$v") stamp=$build/xen/$v/made-from
	if [ -e "$build/xen/$v/xen" ] &&
	   [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
		continue
	fi
	rm -f "$stamp"
	if [ "$v" = flask ]; then
		XG_EXTRA=$extra "$top/testbed/extra-root.sh"
	fi
	logged "xen-$v" "hypervisor, $v build" build_variant "$v"
	echo "$now" >"$stamp"
done
