#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the emulator: the distribution's QEMU with testbed/qemu/*.patch.
#
# Unpatched, QEMU delivers an interrupt to a nested guest twice now and then
# (the patch tells how): one guest in four or five died early in its boot, and
# others at any time later, so that no result could be trusted.  The benchmarks
# need a CPU that has what all have, and plugins.  Only what the testbed uses is
# configured; it is installed into the tool root.
. "$(dirname "$0")/lib.sh"

src=$build/src/qemu
out=$build/qemu
stamp=$root/usr/local/share/xen-gpumem-qemu

# Sources that are known to build, best first, for when the archive does not
# have that of the installed version.
fallback='qemu_10.0.13+ds.orig.tar.xz 6a0888e806c2ffc0c5f0733e974f9aea55491950d3c47c98669c8b236dde59ae
qemu_10.0.2+ds.orig.tar.xz 0901da33844a331bf8b3602b9c1fbd178e60b737c8e3ade678255bd090c9b9f1'

get_source()
{
	name=
	while read -r file sha; do
		if fetch "$(mirror)/pool/main/q/qemu/$file" "$file" "$sha"; then
			name=$file
			break
		fi
	done <<-EOT
	$fallback
	EOT
	[ -n "$name" ] || die "no QEMU source could be fetched (build/dl)"
	say "source: $name"
	rm -rf "$src" "$out" "$src.new"
	mkdir -p "$src.new"
	tar -xf "$build/dl/$name" -C "$src.new" --strip-components=1
	for p in "$top"/testbed/qemu/*.patch; do
		patch -s -f -p1 -d "$src.new" <"$p" ||
			die "$(basename "$p") does not apply to $name"
	done
	mv "$src.new" "$src"
}

build_qemu()
{
	mkdir -p "$out"
	"$top/testbed/in-root" sh -ec '
		cd build/qemu
		[ -e build.ninja ] || ../src/qemu/configure \
			--target-list=x86_64-softmmu --without-default-features \
			--enable-system --enable-tcg --enable-plugins \
			--enable-spice --enable-pixman --enable-trace-backends=nop \
			--disable-docs --disable-tools --disable-guest-agent \
			--disable-install-blobs
		ninja -j"$1" qemu-system-x86_64
		strip -o /usr/local/bin/qemu-system-x86_64.new qemu-system-x86_64
		mv /usr/local/bin/qemu-system-x86_64.new \
			/usr/local/bin/qemu-system-x86_64' sh "$jobs"
}

now=$(cat "$0" "$top"/testbed/qemu/*.patch | cksum)
[ "$(cat "$stamp" 2>/dev/null)" != "$now" ] || exit 0
[ "$(cat "$src/.made-from" 2>/dev/null)" = "$now" ] || {
	get_source
	echo "$now" >"$src/.made-from"
}
logged qemu "the emulator" build_qemu
mkdir -p "$(dirname "$stamp")"
echo "$now" >"$stamp"
