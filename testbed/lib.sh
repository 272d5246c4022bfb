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
