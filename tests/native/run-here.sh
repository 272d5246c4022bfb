#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# igt-tests/run-here, with a toolstack and a test that are made up:
#
#   run-here.sh RUN-HERE FOLDER
#
# What each subtest is taken for, that there is a new guest after what may have
# harmed one, and that none is left.
set -u

tool=$1
at=$2
rm -rf "$at"
mkdir -p "$at/bin" "$at/path"
: >"$at/kernel"

cat >"$at/path/xl" <<'EOF'
#!/bin/sh
at=$(dirname "$0")/..
case $1 in
create) [ ! -e "$at/there" ] || exit 1; echo >>"$at/guests"; : >"$at/there" ;;
domid) [ -e "$at/there" ] && wc -l <"$at/guests" ;;
destroy) rm -f "$at/there" ;;
esac
EOF
echo '#!/bin/sh' >"$at/path/dmesg"
cat >"$at/bin/xen_gpumem_some" <<'EOF'
#!/bin/sh
case $1 in
--list-subtests)
	printf '%s\n' good bad after-bad odd late lies guest-dies
	exit ;;
esac
echo "in guest $XEN_GPUMEM_DOMID"
case $2 in
good | after-bad)
	echo "Subtest $2: SUCCESS (0.1s)" ;;
bad)
	echo '(x:1) CRITICAL: Failed assertion: a == "b\"'
	echo "Subtest bad: FAIL"
	exit 98 ;;
odd)
	echo 'Test requirement not met in function f, file f.c:1:'
	echo 'Test requirement: card >= 0'
	echo 'no card: none at all'
	exit 77 ;;
late)
	sleep 20 ;;
guest-dies)
	rm "$(dirname "$0")/../there"
	echo "Subtest $2: SUCCESS (0.1s)" ;;
esac
EOF
chmod +x "$at/path/xl" "$at/path/dmesg" "$at/bin/xen_gpumem_some"

here()
{
	PATH=$at/path:$PATH "$tool" -b "$at/bin" -g "$at/kernel" -t 1 "$@"
}

complain()
{
	echo "error: $1"
	exit 1
}

here -o "$at/out" >"$at/printed"
[ $? -eq 1 ] || complain "exit status with failures"
t=igt@xen_gpumem_some
cat >"$at/wanted" <<EOF
pass $t@good
fail $t@bad: Failed assertion: a == "b\\"
pass $t@after-bad
skip $t@odd: no card: none at all
fail $t@late: no end after 1 s
fail $t@lies: exit status 0
skip $t@guest-dies: it ends the guest (-d)
EOF
diff "$at/wanted" "$at/out/results.txt" >"$at/diff" ||
	complain "results: $(sed -n 2p "$at/diff")"
grep -q '^2 passed, 3 failed, 2 skipped ' "$at/printed" ||
	complain "summary: $(tail -n 1 "$at/printed")"
python3 - "$at/out" <<'EOF' || complain "results.json"
import json
import sys
with open(sys.argv[1] + "/results.json", encoding="utf-8") as f:
    results = json.load(f)
assert [r["result"] for r in results] == \
    "pass fail pass skip fail fail skip".split()
assert results[1]["reason"] == 'Failed assertion: a == "b\\"'
assert results[3]["test"] == "igt@xen_gpumem_some@odd"
EOF
# One guest for what goes well, another one after each failure.
[ "$(grep -h '^in guest' "$at/out"/xen_gpumem_some@good.log \
	"$at/out"/xen_gpumem_some@after-bad.log | tr '\n' ' ')" = \
	"in guest 1 in guest 2 " ] || complain "guests"
[ ! -e "$at/there" ] || complain "a guest is left"
grep -q '^Linux ' "$at/out/machine.txt" || complain "machine.txt"

here -o "$at/out" -d xen_gpumem_some@guest-dies xen_gpumem_some@good \
	>"$at/printed" || complain "exit status without failures"
grep -q '^2 passed, 0 failed, 0 skipped ' "$at/printed" ||
	complain "what ends the guest"
here -o "$at/out" xen_gpumem_some@odd >/dev/null
[ $? -eq 77 ] || complain "exit status where nothing was run"
here -o "$at/out" xen_gpumem_other >/dev/null 2>&1
[ $? -eq 2 ] || complain "exit status of nonsense"
