# bash completion for atoll: what can stand where is asked of atoll itself.
_atoll() {
	local words=("${COMP_WORDS[@]:1:COMP_CWORD}") word line
	local IFS=$'\n'

	word=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	for line in $("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null); do
		case $line in
		$'\tfiles') COMPREPLY+=($(compgen -f -- "$word")) ;;
		*) COMPREPLY+=("${line%%$'\t'*}") ;;
		esac
	done
	# Paths in appliances come a folder at a time.
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace
}
complete -o filenames -F _atoll atoll
