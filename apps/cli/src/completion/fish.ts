// Owns the completions as fish wants them: a `complete` line for each word.
import type { CompletedCommand } from "./words.ts";

export function fishScript(commands: readonly CompletedCommand[]): string {
  const begin = [
    "# Completions of waggle for fish: waggle completion fish > ~/.config/fish/completions/waggle.fish",
    "complete -c waggle -f",
  ];
  return `${[...begin, ...commands.flatMap(linesOf)].join("\n")}\n`;
}

function linesOf({ name, summary, options, arguments: words }: CompletedCommand): string[] {
  const here = `-n "__fish_seen_subcommand_from ${name}"`;
  const [first] = words;
  const offers =
    first === undefined
      ? []
      : first === "file"
        ? ["-F"]
        : first === "model"
          ? ['-a "(waggle list --names)"']
          : [`-a "${first.join(" ")}"`];
  return [
    `complete -c waggle -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...options.map(
      ({ flag, help, takesValue }) =>
        `complete -c waggle ${here} -l ${flag.replace(/^--/, "")}${takesValue ? " -x" : ""} -d ${quoted(help)}`,
    ),
    ...offers.map((offer) => `complete -c waggle ${here} ${offer}`),
  ];
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
