#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The checkers that need no emulator: SPDX lines, no traces of this machine, the
# kernel's own checkers on the module (W=1, sparse), shell and Python syntax.
. "$(dirname "$0")/lib.sh"

bad=0
complain()
{
	say "$*"
	bad=$((bad + 1))
}

cd "$top"
for f in $(git ls-files -co --exclude-standard |
	   grep -v -e '^LICENSES/' -e '\.png$' -e '^\.gitignore$'); do
	[ -f "$f" ] || continue
	head -n 5 "$f" | grep -q SPDX-License-Identifier ||
		case $f in
		*.patch | *.md | */series) ;;
		*) complain "$f: no SPDX line" ;;
		esac
	case $f in
	testbed/style.sh | *.patch) ;;
	*) grep -nE -e '/home/' -e "$(pwd)/" -e '^deb(-src)? ' "$f" /dev/null |
	   head -n 3 | grep . && complain "$f: names a machine" ;;
	esac
	case $f in
	*.py | testbed/run | testbed/check | testbed/demo | testbed/mutants | \
	testbed/xen-tree)
		python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' \
			"$f" || complain "$f: not Python" ;;
	*.sh | testbed/in-root | .ci/run)
		sh -n "$f" || complain "$f: not shell" ;;
	*.c | *.h)
		lines=$(wc -l <"$f")
		[ "$lines" -le 700 ] || complain "$f: $lines lines" ;;
	esac
done
[ "$bad" -eq 0 ] || die "$bad complaints"
say "clean"
