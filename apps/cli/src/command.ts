// Defines a row of the command table. The command line and the help are made from these rows.
import type { OptionKey } from "@waggle/worker/settings";
import type { CliConfig } from "./config.ts";
import type { PassSignals } from "./interrupt.ts";
import type { Output } from "@waggle/daemon/terminal";

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly required?: true;
  readonly variadic?: true;
}

export interface OptionSpec {
  /** Such as `--url <url>` or `--json`. */
  readonly flags: string;
  readonly help: string;
  readonly repeatable?: true;
}

export interface Words {
  /** The arguments as typed; missing arguments are absent. */
  readonly args: readonly string[];
  text(option: string): string | undefined;
  list(option: string): readonly string[];
  has(option: string): boolean;
}

export interface Context {
  readonly config: CliConfig;
  readonly stdin: NodeJS.ReadStream;
  readonly out: Output;
  readonly err: Output;
  /** Aborts with an InterruptedError at the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** For a command that runs another program in this terminal. */
  readonly passSignals: PassSignals;
}

/** Resolves with the exit code, or with undefined for 0. @throws an error that `failureOf` can describe */
export type Run = (context: Context, words: Words) => Promise<number | undefined>;

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** The worker's settings that are options too, with the flags and the help of `waggle serve`. */
  readonly settings?: readonly OptionKey[];
  readonly examples: readonly string[];
}

export interface DaemonSpec extends Omit<CommandSpec, "arguments" | "options" | "settings"> {
  readonly usage: string;
}
