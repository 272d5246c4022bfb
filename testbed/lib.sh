# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the steps of the testbed share: where things are, how a step shows
# progress, where its log goes, and how it fails with one clear line.
#
# A step sources this file first; its own name comes from $0.  Everything that
# is made lies under build/; nothing here writes outside of it.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build
root=${XG_ROOT:-$build/root}
step=$(basename "$0" .sh)
jobs=${XG_JOBS:-$(nproc)}
# dom0's kernel: the distribution's, or one of those that kernel.sh makes.  What
# is made for one of these has its name added.
kernel=${KERNEL:-}
variant=${kernel:+-$kernel}
mkdir -p "$build/logs"

say()
{
	printf '%-8s %s\n' "$step" "$*"
}

die()
{
	printf '%-8s FAILED: %s\n' "$step" "$*" >&2
	exit 1
}

# logged NAME WHAT COMMAND...: run a command with its output in a log of its
# own; on failure show the end of that log and where it is.
logged()
{
	log=$build/logs/$1.log what=$2
	shift 2
	say "$what (log: ${log#"$top"/})"
	# Not "if ! ...": the shell would ignore "set -e" inside of it.
	set +e
	(set -e; "$@") >"$log" 2>&1 9>&-
	rc=$?
	set -e
	if [ "$rc" -ne 0 ]; then
		tail -n 15 "$log" >&2
		die "$what; the whole log is ${log#"$top"/}"
	fi
}

# The release of the kernel that the tool root brings; there is exactly one.
kernel_release()
{
	set -- "$root"/boot/vmlinuz-*
	[ -e "$1" ] || die "no kernel in the tool root (make root)"
	[ "$#" -eq 1 ] || die "several kernels in the tool root: $*"
	printf '%s\n' "${1##*/vmlinuz-}"
}

# The release of dom0's kernel.
dom0_release()
{
	if [ -z "$kernel" ]; then
		kernel_release
	else
		cat "$build/kernel$variant/release" 2>/dev/null ||
			die "no kernel '$kernel' (make kernel$variant)"
	fi
}

# Where kbuild finds the headers of dom0's kernel, seen from the tool root.
dom0_headers()
{
	if [ -z "$kernel" ]; then
		echo "/lib/modules/$(kernel_release)/build"
	else
		echo "/xen-gpumem/build/kernel$variant/build"
	fi
}

# The kernel's own ELF image out of a bzImage: the same bits, unpacked once here
# instead of at every boot by the emulated CPU.
#
# extract_kernel PACKED-IN-TOOL-ROOT PLAIN
extract_kernel()
{
	"$top/testbed/in-root" sh -eu -c '
		try()
		{
			for at in $(LC_ALL=C grep -aboP "$3" $1 | cut -d: -f1); do
				# The size which follows the payload, or its
				# padding, ends the unpacker with an error.
				tail -c +$((at + 1)) $1 | $4 >$2.new 2>/dev/null || :
				if readelf -h $2.new >/dev/null 2>&1; then
					mv $2.new $2
					exit 0
				fi
			done
		}
		try $1 $2 "\x28\xb5\x2f\xfd" "zstd -dcq"
		try $1 $2 "\xfd7zXZ\x00" "xz -dcq"
		echo "no ELF image packed by zstd or xz in $1"
		exit 1
	' sh "$1" "/xen-gpumem/${2#"$top"/}"
}

# The first mirror that the tool root was made from, without its /dists part.
mirror()
{
	sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) trixie .*/\2/p' \
		"$root/etc/apt/sources.list" | head -n 1
}

# fetch URL NAME SHA256: into build/dl, only whole and only with that checksum
fetch()
{
	mkdir -p "$build/dl"
	dest=$build/dl/$2
	if [ ! -e "$dest" ]; then
		curl -fsSL --retry 3 --max-time 300 -o "$dest.part" "$1" || {
			rm -f "$dest.part"
			return 1
		}
		mv "$dest.part" "$dest"
	fi
	echo "$3  $dest" | sha256sum -c --quiet - >/dev/null 2>&1 || {
		echo "$dest has a wrong checksum" >&2
		rm -f "$dest"
		return 1
	}
}

# Two people may call the same step at once: the second waits for the first.
# Held until this shell ends, by it alone (what it starts does not inherit it).
exec 9>"$build/logs/.lock-$step"
flock 9
