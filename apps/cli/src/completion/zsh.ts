// Owns the completions for zsh: a function over `_arguments`.
import type { CompletedCommand } from "./words.ts";

export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef waggle
# Completions of waggle for zsh: source <(waggle completion zsh)
_waggle_models() {
  local -a names
  names=(\${(f)"$(waggle list --names 2>/dev/null)"})
  compadd -a names
  _files -g '*.gguf'
}
_waggle() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(caseOf).join("\n")}
  esac
}
compdef _waggle waggle
`;
}

function caseOf({ name, options, arguments: words, variadic }: CompletedCommand): string {
  const values = { file: ":value:_files", nothing: ":value:" } as const;
  const flags = options.map(({ flag, help, value }) =>
    quoted(`${flag}[${help.replaceAll(/[[\]:]/g, " ")}]${value === undefined ? "" : values[value]}`),
  );
  const places = words.map((word, i) => {
    const place = variadic && i === words.length - 1 ? "*" : String(i + 1);
    const action =
      word === undefined
        ? " "
        : word === "file"
          ? "_files"
          : word === "model"
            ? "_waggle_models"
            : `(${word.join(" ")})`;
    return quoted(`${place}:word:${action}`);
  });
  return `    ${name}) _arguments ${[...flags, ...places].join(" ")} ;;`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
