// Writes the completions for fish: a `complete` line for each word, with a condition for its position.
import type { Completion } from "../command.ts";
import type { CompletedCommand } from "./words.ts";

export function fishScript(commands: readonly CompletedCommand[]): string {
  return `# Completions of waggle for fish: waggle completion fish > ~/.config/fish/completions/waggle.fish
# Whether the command is $argv[1].
function __waggle_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"
end
# Whether argument $argv[2] of the command $argv[1] is being typed; with a +, that one or a later one. $argv[3..]: options with values.
function __waggle_at
    __waggle_command $argv[1]; or return 1
    set -l words (commandline -opc)
    set -l place 1
    set -l skip no
    set -e words[1 2]
    for word in $words
        if test $skip = yes
            set skip no
        else if contains -- $word $argv[3..-1]
            set skip yes
        else if not string match -q -- '-*' $word
            set place (math $place + 1)
        end
    end
    test $skip = no; or return 1
    if string match -q -- '*+' $argv[2]
        test $place -ge (string replace + '' $argv[2])
    else
        test $place -eq $argv[2]
    end
end
complete -c waggle -f
${commands.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ name, summary, options, arguments: words, variadic }: CompletedCommand): string[] {
  const values = { file: " -r -F", nothing: " -x" } as const;
  const withValue = options.flatMap(({ flag, value }) => (value === undefined ? [] : [` ${flag}`])).join("");
  return [
    `complete -c waggle -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...options.map(
      ({ flag, help, value }) =>
        `complete -c waggle -n "__waggle_command ${name}" -l ${flag.replace(/^--/, "")}${value === undefined ? "" : values[value]} -d ${quoted(help)}`,
    ),
    ...words.flatMap((word, index) => {
      const place = `${index + 1}${variadic && index === words.length - 1 ? "+" : ""}`;
      return word === undefined
        ? []
        : [`complete -c waggle -n "__waggle_at ${name} ${place}${withValue}" ${offerOf(word)}`];
    }),
  ];
}

function offerOf(word: Completion): string {
  if (word === "file") return "-F";
  if (word === "model") return '-a "(waggle list --names 2>/dev/null; __fish_complete_suffix .gguf)"';
  return `-a "${word.join(" ")}"`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
