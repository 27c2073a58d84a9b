// Owns what a shell can offer at each place, taken from the command table.
import type { CommandSpec, Completion } from "../command.ts";

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** For each argument; the last one stands for all that follow where it may be repeated. */
  readonly arguments: readonly (Completion | undefined)[];
  readonly variadic: boolean;
}

export interface CompletedOption {
  /** With its dashes. */
  readonly flag: string;
  readonly help: string;
  readonly takesValue: boolean;
}

export function wordsOf(
  serve: Pick<CommandSpec, "name" | "summary">,
  table: readonly CommandSpec[],
): readonly CompletedCommand[] {
  const { name, summary } = serve;
  // Its flags are the worker's; what a shell offers for its models are files.
  return [{ name, summary, options: [], arguments: ["file"], variadic: true }, ...table.map(completedCommand)];
}

function completedCommand(spec: CommandSpec): CompletedCommand {
  const { name, summary, options = [] } = spec;
  const words = spec.arguments ?? [];
  return {
    name,
    summary,
    options: options.map(({ flags, help }) => ({
      // Of two names the second is the one that is documented everywhere else.
      flag: flags.match(/--[\w-]+/g)?.at(-1) ?? flags,
      help,
      takesValue: flags.includes("<"),
    })),
    arguments: words.map(({ completion }) => completion),
    variadic: words.at(-1)?.variadic === true,
  };
}
