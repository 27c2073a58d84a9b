// Lists the completions for each position of a command line, from the command table and the daemons' settings.
import type { OptionRows } from "@waggle/daemon";
import type { CommandSpec, Completion, DaemonSpec } from "../command.ts";

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** The completion of each argument. If the last argument is repeatable, its completion applies to all arguments that follow. */
  readonly arguments: readonly (Completion | undefined)[];
  readonly variadic: boolean;
}

export interface CompletedOption {
  readonly flag: string;
  readonly help: string;
  /** Undefined for a switch; "nothing" for a value without completions. */
  readonly value: "file" | "nothing" | undefined;
}

/** If a setting's value has one of these names in the help, the value is a path. */
const paths: readonly (string | undefined)[] = ["file", "file[=scale]", "folder", "path", "template", "[name=]model"];

export function completedDaemon(spec: DaemonSpec, settings: OptionRows): CompletedCommand {
  const { name, summary, completion } = spec;
  return {
    name,
    summary,
    options: [
      ...Object.values(settings)
        .filter(({ hidden }) => hidden !== true)
        .map(({ flag, help, value }) => ({ flag: `--${flag}`, help, value: offerFor(value) })),
      { flag: "--help-all", help: "print the help with all settings", value: undefined },
    ],
    arguments: completion === undefined ? [] : [completion],
    variadic: completion !== undefined,
  };
}

function offerFor(value: string | undefined): CompletedOption["value"] {
  if (value === undefined) return undefined;
  return paths.includes(value) ? "file" : "nothing";
}

export function completedCommand(spec: CommandSpec): CompletedCommand {
  const { name, summary, options = [] } = spec;
  const words = spec.arguments ?? [];
  return {
    name,
    summary,
    options: options.map(({ flags, help, completion }) => ({
      // A setting with two names is documented under the second name.
      flag: flags.match(/--[\w-]+/g)?.at(-1) ?? flags,
      help,
      value: !flags.includes("<") ? undefined : completion === "file" ? "file" : "nothing",
    })),
    arguments: words.map(({ completion }) => completion),
    variadic: words.at(-1)?.variadic === true,
  };
}
