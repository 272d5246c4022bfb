#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build drivers/xen-gpumem against the tool root's kernel headers:
# build/module/xen-gpumem.ko, with every object under build/module.  With
# KERNEL=NAME against that kernel's (testbed/kernel.sh), in build/module-NAME.
#
#   testbed/module.sh [--test] [VARIABLE=VALUE...]     passed on to kbuild
#
# With --test the build that can run on a mock of the hypervisor, with hooks for
# the tests: build/module-test/xen-gpumem.ko.
. "$(dirname "$0")/lib.sh"

release=$(dom0_release)
headers=$(dom0_headers)
name=module
if [ "${1:-}" = --test ]; then
	name=module-test
	shift
	set -- CONFIG_XEN_GPUMEM_TEST=y "$@"
fi
name=$name$variant
out=$build/$name

# The sources are mirrored rather than built in place: kbuild then leaves
# nothing in the checkout, and unchanged files keep their times.
mirror()
{
	mkdir -p "$out"
	for dir in drivers/xen-gpumem uapi hypervisor/include/public; do
		mkdir -p "$out/src/$dir"
		(cd "$top/$dir" && find . -type f) | while read -r f; do
			cmp -s "$top/$dir/$f" "$out/src/$dir/$f" && continue
			mkdir -p "$(dirname "$out/src/$dir/$f")"
			cp "$top/$dir/$f" "$out/src/$dir/$f"
		done
		# What is gone from the checkout must not linger here.
		(cd "$out/src/$dir" && find . -name '*.[ch]' ! -name '*.mod.c') |
		while read -r f; do
			[ -e "$top/$dir/$f" ] || rm "$out/src/$dir/$f"
		done
	done
}

build_module()
{
	mirror
	"$top/testbed/in-root" make -C "$headers" \
		M=/xen-gpumem/build/$name/src/drivers/xen-gpumem \
		-j"$jobs" "$@" modules
	cmp -s "$out/src/drivers/xen-gpumem/xen-gpumem.ko" "$out/full.ko" || {
		cp "$out/src/drivers/xen-gpumem/xen-gpumem.ko" "$out/full.ko"
		"$top/testbed/in-root" strip --strip-debug \
			-o "build/$name/xen-gpumem.ko" "build/$name/full.ko"
	}
	case $name in module-test*) ;; *) return 0 ;; esac
	for m in importer exporter mixed; do
		"$top/testbed/in-root" strip --strip-debug \
			-o "build/$name/xen-gpumem-$m.ko" \
			"build/$name/src/drivers/xen-gpumem/xen-gpumem-$m.ko"
	done
}

logged "$name" "$name/xen-gpumem.ko for Linux $release" build_module "$@"
