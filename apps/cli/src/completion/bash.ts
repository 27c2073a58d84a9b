// Writes the completions for bash: a function that reads COMP_WORDS, and runs `waggle list --names` for models.
import type { CompletedCommand } from "./words.ts";

export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# Completions of waggle for bash: source <(waggle completion bash)
_waggle() {
  local word=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} options="" values="" files="" offers="" variadic=no place=0 i
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$word"))
    return
  fi
  case $command in
${commands.map(caseOf).join("\n")}
  esac
  if [[ " $files " == *" \${COMP_WORDS[COMP_CWORD - 1]} "* ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
    return
  fi
  if [[ " $values " == *" \${COMP_WORDS[COMP_CWORD - 1]} "* ]]; then return; fi
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$word"))
    return
  fi
  # The number of arguments before the word.
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [[ " $values $files " == *" \${COMP_WORDS[i]} "* ]]; then ((i++)); elif [[ \${COMP_WORDS[i]} != -* ]]; then ((place++)); fi
  done
  set -- $offers
  if [ "$place" -ge "$#" ] && [ "$variadic" != yes ]; then return; fi
  if [ "$place" -ge "$#" ]; then place=$(($# - 1)); fi
  shift "$place"
  case $1 in
    model) COMPREPLY=($(compgen -W "$(waggle list --names 2>/dev/null)" -- "$word") $(compgen -f -X '!*.gguf' -- "$word")) ;;
    file) COMPREPLY=($(compgen -f -- "$word")) ;;
    nothing) ;;
    *) COMPREPLY=($(compgen -W "\${1//,/ }" -- "$word")) ;;
  esac
  # A colon separates words in bash: the part before it must not be completed again.
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$word"; fi
}
complete -F _waggle waggle
`;
}

function caseOf({ name, options, arguments: words, variadic }: CompletedCommand): string {
  const flags = options.map(({ flag }) => flag).join(" ");
  const withValue = (kind: "file" | "nothing"): string =>
    options.flatMap(({ flag, value }) => (value === kind ? [flag] : [])).join(" ");
  const offers = words.map((word) =>
    word === undefined ? "nothing" : typeof word === "string" ? word : word.join(","),
  );
  const lists = `options="${flags}" values="${withValue("nothing")}" files="${withValue("file")}" offers="${offers.join(" ")}"`;
  return `    ${name}) ${lists} variadic=${variadic ? "yes" : "no"} ;;`;
}
