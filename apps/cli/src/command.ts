// Owns what a command is: the table's rows, from which the command line, the help and the completions are made.
import type { CliConfig } from "./config.ts";
import type { Output } from "@waggle/terminal";

/** What a shell offers where this word stands. */
export type Completion = "model" | "file" | readonly string[];

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly required?: true;
  readonly variadic?: true;
  readonly completion?: Completion;
}

export interface OptionSpec {
  /** `--url <url>`, `--json`. */
  readonly flags: string;
  readonly help: string;
  readonly repeatable?: true;
  readonly completion?: Completion;
}

export interface Words {
  /** As they were typed, missing ones left out. */
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
}

/** Resolves with the exit code. @throws whatever `failureOf` has words for */
export type Run = (context: Context, words: Words) => Promise<number>;

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly string[];
}
