# SPDX-License-Identifier: MIT
#
# Completion of xen-gpumem for bash.

_xen_gpumem_domains()
{
	local dir

	for dir in /sys/kernel/debug/xen-gpumem/*-*; do
		[[ -d $dir ]] || continue
		dir=${dir##*/}
		printf '%s\n' "${dir%%-*}"
	done
	# Guests that nobody lends to yet, where the toolstack may be asked.
	[[ $EUID -eq 0 ]] && xl list 2>/dev/null |
		while read -r _ id _; do
			[[ $id =~ ^[1-9][0-9]*$ ]] && printf '%s\n' "$id"
		done
}

_xen_gpumem()
{
	local cur prev command commands options i

	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	command=${COMP_WORDS[1]}
	commands='status list top lend export run trace selftest version help'
	COMPREPLY=()

	if [[ $COMP_CWORD -eq 1 ]]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
		return
	fi
	# What follows "--" is another program's.
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			COMPREPLY=($(compgen -c -- "$cur"))
			return
		fi
	done
	case $prev in
	-p | --policy)
		COMPREPLY=($(compgen -W 'inject zero' -- "$cur"))
		return ;;
	-H | --holes)
		COMPREPLY=($(compgen -W 'mmio inject zero' -- "$cur"))
		return ;;
	-R | --rights)
		COMPREPLY=($(compgen -W 'lend remove export-grants export-frames
			grant lend,remove lend,export-grants' -- "$cur"))
		return ;;
	-g | --refs | -o | --output)
		COMPREPLY=($(compgen -f -- "$cur"))
		return ;;
	-u | --user)
		COMPREPLY=($(compgen -u -- "$cur"))
		return ;;
	esac
	case $command in
	status) options='--json' ;;
	list) options='--json --bindings' ;;
	top) options='--json --batch --count --delay' ;;
	lend) options='--offset --length --readonly --write-first --populate
		--policy --holes --json' ;;
	export) options='--refs --frames --readonly --revocable --output
		--json --' ;;
	run) options='--user --rights --range --ref-range --frame-range
		--max-windows --max-bindings --max-bytes --max-exports
		--max-export-bytes --max-grants --generation --' ;;
	trace) options='--json --window --buffer' ;;
	selftest) options='--seconds --json' ;;
	version) options='--json' ;;
	help)
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
		return ;;
	*) return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	elif [[ $command == lend && $COMP_CWORD -gt 3 ]]; then
		COMPREPLY=($(compgen -f -W "$(compgen -G '/dev/dri/card*')" \
			-- "$cur"))
	else
		COMPREPLY=($(compgen -W "$(_xen_gpumem_domains)" -- "$cur"))
	fi
}

complete -F _xen_gpumem xen-gpumem
