#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make what the emulated machine boots, under build/image/, or build/image-NAME/
# with KERNEL=NAME:
#
#   vmlinux      dom0's kernel.  Guests always boot the distribution's
#   base.cpio    toolstack, libraries, kernel modules, guest kernel: changes
#                with the tool root only
#   top.cpio     init, helper and test programs, xen-gpumem.ko, guest image:
#                changes with our sources, made in a second
#   igt.cpio     the IGT tests and their libraries, which are many: only where a
#                scenario asks for it
#
# Linux unpacks concatenated archives one after the other, so the runner boots
# base + top + its own small archive with the scenario in it.  Nothing is
# compressed: a multiboot module is copied at the host's speed, but would be
# unpacked at the emulator's.
#
#   testbed/image.sh            make both
#   testbed/image.sh OUT-DIR    the same with base.cpio shared and top.cpio made
#                               in OUT-DIR from XG_MODULE, XG_TESTS (mutants)
. "$(dirname "$0")/lib.sh"

base=$build/image$variant
out=${1:-$base}
release=$(dom0_release)
stock=$(kernel_release)
module=${XG_MODULE:-$build/module$variant/xen-gpumem.ko}
module_test=${XG_MODULE_TEST:-$build/module-test$variant/xen-gpumem.ko}
tests=${XG_TESTS:-$build/tests}
igt=$build/igt

# One set of kernel modules per line: the set's name, then its members.
module_sets='base xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs
qxl qxl
vgem vgem
bochs bochs
zram zram
ext4 ext4
loop loop
virtio-gpu virtio-gpu
blk virtio_blk
brd brd'
# The bench's peer; its figures are of kernels that users have.
[ "${kernel#debug}" != "$kernel" ] || module_sets="$module_sets
kvm kvm_amd"

# Guests have the distribution's kernel, whatever dom0's is.
guest_modules='xen-privcmd xen-gntalloc xen-gntdev brd'

# Where modprobe finds dom0's modules, seen from the tool root.
modules=${kernel:+/xen-gpumem/build/kernel$variant/root}
modules=${modules:-/}

programs='xl xenstored xenconsoled xen-init-dom0 libxl-save-helper'

# Other programs that tests in dom0 run.
tools='/usr/sbin/mke2fs'

make_base()
{
	tree=$base/base.tree
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/lib/xg" "$tree/lib/modules" "$tree/guest"
	"$top/testbed/in-root" sh -eu -c '
		tree=$1 modules=$2 release=$3 programs=$4 sets=$5 tools=$6
		stock=$7 guest_modules=$8
		prefix=/usr/lib/xen-4.20/bin
		for p in $programs; do
			install -D $prefix/$p $tree$prefix/$p
		done
		for p in $tools; do
			install -D $p $tree/bin/$(basename $p)
		done
		for lib in $(cd $prefix && ldd $programs $tools |
			     sed -n "s/.*=> \(\/[^ ]*\).*/\1/p" | sort -u) \
			   /lib64/ld-linux-x86-64.so.2 \
			   /usr/lib/x86_64-linux-gnu/libgcc_s.so.1; do
			install -D $(readlink -f $lib) $tree/lib/x86_64-linux-gnu/$(basename $lib)
		done
		mkdir -p $tree/lib64 $tree/usr/lib
		mv $tree/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 $tree/lib64/
		ln -sfn ../../lib/x86_64-linux-gnu $tree/usr/lib/x86_64-linux-gnu
		echo "$sets" | while read -r set members; do
			: >$tree/lib/xg/$set
			for m in $members; do
				found=$(modprobe -d $modules -S $release --show-depends $m)
				for file in $(echo "$found" |
					      sed -n "s/^insmod \([^ ]*\).*/\1/p"); do
					name=$(basename $file .xz)
					[ -e $tree/lib/modules/$name ] ||
						xzcat -f $file >$tree/lib/modules/$name
					echo /lib/modules/$name >>$tree/lib/xg/$set
				done
			done
		done
		for m in $guest_modules; do
			xzcat -f $(modinfo -k $stock -n $m) >$tree/guest/$m.ko
		done
	' sh "/xen-gpumem/${tree#"$top"/}" "$modules" "$release" "$programs" \
		"$module_sets" "$tools" "$stock" "$guest_modules"
	mkdir -p "$base"
	extract_kernel "/boot/vmlinuz-$stock" "$tree/guest/vmlinuz"
	if [ -n "$kernel" ]; then
		cp "$build/kernel$variant/vmlinux" "$base/vmlinux"
	else
		cp "$tree/guest/vmlinuz" "$base/vmlinux"
	fi
	pack "$tree" "$base/base.cpio"
}

# pack TREE FILE
pack()
{
	"$top/testbed/in-root" sh -eu -c \
		'cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
		 cpio -o -H newc -R 0:0 --quiet --reproducible' \
		sh "/xen-gpumem/${1#"$top"/}" >"$2.new"
	mv "$2.new" "$2"
}

build_helpers()
{
	"$top/testbed/in-root" sh -eu -c '
		cd testbed
		flags="-O2 -Wall -Wextra -Werror -static -D_GNU_SOURCE"
		gcc $flags -o ../$1/init init.c outbox.c xencall.c
		gcc $flags -o ../$1/xg-guest xg-guest.c xencall.c
		gcc $flags -o ../$1/smoke smoke.c
		gcc $flags -o ../$1/igt-run igt-run.c
		gcc $flags -o ../$1/boots boots.c xencall.c
		gcc $flags -o ../$1/smoke-guest smoke-guest.c' \
			sh "${base#"$top"/}"
}

helpers_stale()
{
	for f in init xg-guest smoke igt-run boots smoke-guest; do
		[ -x "$base/$f" ] || return 0
	done
	[ -n "$(find "$top/testbed" -name '*.[ch]' -newer "$base/init")" ]
}

# The libraries that base.cpio does not have.
make_igt()
{
	tree=$base/igt.tree
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/lib/xg"
	cp "$igt"/xen_gpumem_* "$tree/bin/"
	cp "$top/igt-tests/quick.testlist" "$tree/lib/xg/igt-quick"
	"$top/testbed/in-root" sh -eu -c '
		tree=$1 base=$2 dir=lib/x86_64-linux-gnu
		for lib in $(ldd $tree/bin/* |
			     sed -n "s/.*=> \(\/[^ ]*\).*/\1/p" | sort -u); do
			[ -e $base/$dir/$(basename $lib) ] ||
				install -D $(readlink -f $lib) \
					$tree/$dir/$(basename $lib)
		done
	' sh "/xen-gpumem/${tree#"$top"/}" "/xen-gpumem/${base#"$top"/}/base.tree"
	pack "$tree" "$base/igt.cpio"
	rm -r "$tree"
}

igt_stale()
{
	[ -e "$base/igt.cpio" ] || return 0
	[ -n "$(find "$igt" "$top/igt-tests/quick.testlist" "$stamp" \
		-newer "$base/igt.cpio" -type f)" ]
}

# add_module FILE SET
add_module()
{
	[ -e "$1" ] || return 0
	cp "$1" "$tree/lib/modules/xen-$2.ko"
	echo "/lib/modules/xen-$2.ko" >"$tree/lib/xg/$2"
}

# A guest's whole userspace is one static program, and the kernel's modules for
# hypercalls from userspace, for a disk in its memory, for sharing pages and for
# mapping those of others.
pack_guest()
{
	rm -rf "$out/guest.tree"
	mkdir -p "$out/guest.tree/lib/modules"
	cp "$1" "$out/guest.tree/init"
	for m in $guest_modules; do
		cp "$base/base.tree/guest/$m.ko" "$out/guest.tree/lib/modules/"
	done
	pack "$out/guest.tree" "$tree/guest/$2"
	rm -r "$out/guest.tree"
}

make_top()
{
	tree=$out/top.tree
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/lib/xg" "$tree/lib/modules" "$tree/guest" \
		"$tree/xg/out"
	cp "$base/init" "$tree/init"
	cp "$base/xg-guest" "$base/smoke" "$base/boots" "$base/igt-run" \
		"$tree/bin/"
	for f in "$tests"/bin/*; do
		[ ! -x "$f" ] || [ ! -f "$f" ] || cp "$f" "$tree/bin/"
	done
	add_module "$module" gpumem
	add_module "$module_test" gpumem-test
	for m in importer exporter mixed; do
		add_module "$(dirname "$module_test")/xen-gpumem-$m.ko" "$m"
	done
	pack_guest "$base/smoke-guest" smoke
	if [ -x "$tests/guest/init" ]; then
		pack_guest "$tests/guest/init" initramfs
		cp "$tests/guest/bare" "$tree/guest/"
	fi
	pack "$tree" "$out/top.cpio"
	rm -r "$tree"
}

mkdir -p "$base" "$out"
stamp=$base/base.stamp
want="$release $stock $(cksum <"$top/testbed/image.sh")"
if [ -n "$kernel" ]; then
	want="$want $(cat "$build/kernel$variant/stamp")"
fi
if [ ! -e "$base/base.cpio" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
	rm -f "$stamp"
	logged image-base "toolstack, kernel $release and modules" make_base
	echo "$want" >"$stamp"
fi
if helpers_stale; then
	logged image-helpers "init and helper programs" build_helpers
fi
if [ -d "$igt" ] && igt_stale; then
	logged image-igt "the IGT tests and their libraries" make_igt
fi
logged "image-top" "dom0 image ${out#"$top"/}/top.cpio" make_top
