#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make what the emulated machine boots, under build/image/:
#
#   vmlinux      the distribution's kernel, for dom0 and for guests
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

out=${1:-$build/image}
base=$build/image
release=$(kernel_release)
module=${XG_MODULE:-$build/module/xen-gpumem.ko}
module_test=${XG_MODULE_TEST:-$build/module-test/xen-gpumem.ko}
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
brd brd
kvm kvm_amd'

programs='xl xenstored xenconsoled xen-init-dom0 libxl-save-helper'

# Other programs that tests in dom0 run.
tools='/usr/sbin/mke2fs'

make_base()
{
	tree=$base/base.tree
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/lib/xg" "$tree/lib/modules" "$tree/guest"
	"$top/testbed/in-root" sh -eu -c '
		tree=$1 release=$2 programs=$3 sets=$4 tools=$5
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
			for m in $members; do
				modprobe -S $release --show-depends $m
			done | sed -n "s/^insmod \([^ ]*\).*/\1/p" |
			while read -r file; do
				name=$(basename $file .xz)
				[ -e $tree/lib/modules/$name ] ||
					xz -dc $file >$tree/lib/modules/$name
				echo /lib/modules/$name
			done >$tree/lib/xg/$set
		done
	' sh "/xen-gpumem/${tree#"$top"/}" "$release" "$programs" "$module_sets" \
		"$tools"
	mkdir -p "$base"
	extract_kernel
	cp "$base/vmlinux" "$tree/guest/vmlinuz"
	pack "$tree" "$base/base.cpio"
}

# The kernel's own ELF image out of the bzImage: the same bits, unpacked once
# here instead of at every boot by the emulated CPU.
extract_kernel()
{
	packed=/boot/vmlinuz-$release plain=/xen-gpumem/${base#"$top"/}/vmlinux
	"$top/testbed/in-root" sh -eu -c '
		for at in $(LC_ALL=C grep -aboP "\x28\xb5\x2f\xfd" $1 | cut -d: -f1); do
			# The size which follows the payload ends zstd with an error.
			tail -c +$((at + 1)) $1 | zstd -dcq >$2.new 2>/dev/null || :
			if readelf -h $2.new >/dev/null 2>&1; then
				mv $2.new $2
				exit 0
			fi
		done
		echo "no zstd-packed ELF image in $1"
		exit 1
	' sh "$packed" "$plain"
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
		gcc $flags -o ../build/image/init init.c outbox.c xencall.c
		gcc $flags -o ../build/image/xg-guest xg-guest.c xencall.c
		gcc $flags -o ../build/image/smoke smoke.c
		gcc $flags -o ../build/image/igt-run igt-run.c
		gcc $flags -o ../build/image/boots boots.c xencall.c
		gcc $flags -o ../build/image/smoke-guest smoke-guest.c'
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
	for m in xen-privcmd xen-gntalloc xen-gntdev brd; do
		cp "$base/base.tree/lib/modules/$m.ko" "$out/guest.tree/lib/modules/"
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
want="$release $(cksum <"$top/testbed/image.sh")"
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
