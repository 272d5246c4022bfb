# SPDX-License-Identifier: GPL-2.0-only
#
# Every command of the project.  "make help" lists them; each step prints where
# its log is and rebuilds only what changed.  All output lies under build/.

.DEFAULT_GOAL := help
.PHONY: help root qemu xen xen-matrix module userspace tests native image demo \
	check check-full check-igt soak bench mutants style clean distclean \
	kernel-debug kernel-debug-pv kernel-6.12 image-debug image-debug-pv \
	image-6.12
MAKEFLAGS += --no-print-directory

in-root := testbed/in-root
# KERNEL=debug: dom0 runs that kernel, and the module is built for it.  Without
# it, check-full boots scenarios that ask for one of these by themselves, too.
kernel := $(if $(KERNEL),kernel-$(KERNEL))
full-kernels := $(if $(KERNEL),,6.12)
# A PV dom0 has one of its own.
more-images := $(if $(filter debug,$(KERNEL)),image-debug-pv)
export KERNEL

help:
	@echo 'To see it work:'
	@echo '  demo        a guest draws into a buffer in VRAM while the host moves it,'
	@echo '              then into its own pages, which the host displays'
	@echo '              (DOM0=pvh: under a PVH dom0)'
	@echo '  check       build everything, run unit tests and the quick scenarios'
	@echo ''
	@echo 'More tests, same format:'
	@echo '  check-full  the slow scenarios too, on all kinds of dom0 that they name;'
	@echo '              some on Linux 6.12'
	@echo '  check-igt   the IGT tests, all of them, on both kinds of dom0'
	@echo '  soak        the long ones: hours'
	@echo '  mutants     break one promise at a time; a named test must notice'
	@echo '  bench       measurements beside KVM (the quick form was seen to work)'
	@echo '  style       the checkers that need no emulator'
	@echo ''
	@echo 'Steps, each done by those above when needed:'
	@echo '  root        tool root: compiler, kernel, Xen tools, QEMU (needs root)'
	@echo '  qemu        the emulator, with one defect mended'
	@echo '  xen         patched hypervisor, debug build'
	@echo '  xen-matrix  every variant: debug, release, without the extension, with'
	@echo '              FLASK and with FLASK alone; for arm64, not booted'
	@echo '  module      xen-gpumem.ko'
	@echo '  userspace   library, tool and example backend (to install: userspace/Makefile)'
	@echo '  kernel-debug  a kernel for dom0 with lockdep, KASAN, fault injection'
	@echo '  kernel-debug-pv  the same for a PV dom0, without KASAN'
	@echo '  kernel-6.12   the stable distribution'"'"'s kernel for dom0'
	@echo '  tests       programs for dom0, guest and host'
	@echo '  image       what the emulated machine boots'
	@echo ''
	@echo '  clean       forget everything built but tool root, kernels, downloads'
	@echo '  distclean   forget everything'
	@echo ''
	@echo 'One scenario: testbed/run NAME (testbed/run --help).'
	@echo 'Under another dom0 kernel: make check KERNEL=debug (or 6.12), also check-full;'
	@echo 'KERNEL=debug testbed/run NAME.'

root:
	@testbed/root.sh

qemu: root
	@testbed/qemu.sh

xen: qemu
	@testbed/xen.sh debug

xen-matrix: qemu
	@testbed/extra-root.sh
	@testbed/xen.sh debug release off flask flask-off
	@testbed/xen-arm.sh

kernel-debug kernel-debug-pv kernel-6.12: root
	@testbed/kernel.sh $(@:kernel-%=%)

module: root $(kernel)
	@testbed/module.sh
	@testbed/module.sh --test

userspace: root
	@$(in-root) $(MAKE) -s -C userspace

tests: root
	@testbed/tests.sh

image: module tests
	@testbed/image.sh

# For scenarios that ask for that kernel by themselves.
image-debug image-debug-pv image-6.12:
	@$(MAKE) image KERNEL=$(@:image-%=%)

demo: xen image $(more-images)
	@testbed/demo $(if $(DOM0),--dom0 $(DOM0))

check: xen image $(more-images)
	@testbed/check quick

check-full: xen-matrix image $(more-images) $(full-kernels:%=image-%)
	@testbed/check full $(full-kernels:%=--kernel %)

check-igt: xen image $(more-images)
	@testbed/check full igt

soak: xen image $(more-images)
	@testbed/check soak

mutants: xen image
	@testbed/mutants $(MUTANTS)

bench: qemu image
	@testbed/xen.sh release
	@bench/run $(BENCH)

style: root
	@testbed/style.sh

clean:
	rm -rf build/xen build/module* build/userspace build/tests build/igt \
		build/image* build/run build/check build/demo build/mutants \
		build/bench build/logs

distclean:
	rm -rf build
