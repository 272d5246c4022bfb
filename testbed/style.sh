#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The checkers that need no emulator: SPDX lines, no traces of this machine,
# shell and Python syntax, mutants that apply and whose tests are where they say.
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
	testbed/xen-tree | bench/run | bench/layers)
		python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' \
			"$f" || complain "$f: not Python" ;;
	*.sh | testbed/in-root | .ci/run)
		sh -n "$f" || complain "$f: not shell" ;;
	uapi/xen/gpumem.h)
		# One header, whatever the interface has to say (U1).
		;;
	*.c | *.h)
		lines=$(wc -l <"$f")
		[ "$lines" -le 700 ] || complain "$f: $lines lines" ;;
	esac
done

# header FILE NAME: what the mutant's header says
header()
{
	sed -n "s/^$2: *//p" "$1" | head -n 1
}

# The same for igt@BINARY@SUBTEST: it must be in the list, too, if there is one.
holds_igt_test()
{
	run=$(sed -n 's/^run *= *igt-run //p' "tests/scenarios/$1")
	binary=$(echo "$2" | cut -d@ -f2)
	case " $run" in
	*" -l "*) grep -qsx "$2" igt-tests/quick.testlist || return 1 ;;
	esac
	case " $run" in
	*" $binary:"*) ;;
	*) return 1 ;;
	esac
	grep -qs "SUBTEST: $(echo "$2" | cut -d@ -f3)\$" \
		"igt-tests/tests/$binary.c"
}

# Does a program of the scenario hold the test?
holds_test()
{
	case $2 in
	igt@*)
		holds_igt_test "$@"
		return ;;
	esac
	sed -n 's/^run *= *xgt-\([^ ]*\).*/\1/p' "tests/scenarios/$1" |
	while read -r program; do
		case $program in
		userspace*) grep -qs "\"$2\"" tests/userspace/*.c && echo found ;;
		mock*) grep -qs "\"$2\"" tests/mock/*.c && echo found ;;
		*) grep -qs "\"$2\"" "tests/dom0/$program.c" && echo found ;;
		esac
	done | grep -q found
}

for m in tests/mutants/*.patch; do
	runs=$(header "$m" Runs)
	patch -p1 -F0 --dry-run -f -s <"$m" >/dev/null 2>&1 ||
		complain "$m: does not apply"
	[ "$(header "$m" Variant)" = native ] ||
		holds_test "$(header "$m" Scenario)" \
			"${runs:-$(header "$m" Kills)}" ||
		complain "$m: its test is not in its scenario"
done
[ "$bad" -eq 0 ] || die "$bad complaints"
say "clean"
