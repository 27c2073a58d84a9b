// Runs a command in a test, without a process and a terminal, and returns its exit code and output.
import { Readable } from "node:stream";
import type { CliConfig } from "../config.ts";
import { runCommandLine } from "../command-line.ts";
import { captureOutput } from "./capture.ts";

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CommandOptions {
  readonly config?: Partial<CliConfig>;
  /** Text on stdin. */
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  readonly isTerminal?: boolean;
}

/** By default no address is given, and no worker listens at the default address. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { isTerminal = false } = options;
  const out = captureOutput({ isTerminal });
  const err = captureOutput({ isTerminal });
  const code = await runCommandLine(argv, {
    config: {
      version: "1.2.3",
      url: "http://127.0.0.1:2",
      urlGiven: false,
      token: undefined,
      modelsFolder: "/nowhere/models",
      gpuFolder: "/nowhere/gpu",
      stateFolder: "/nowhere/state",
      programFolders: [],
      colors: false,
      entry: { path: "/nowhere/waggle.js", execArgv: [] },
      env: {},
      ...options.config,
    },
    stdin: Readable.from(
      options.stdin === undefined ? [] : [Buffer.from(options.stdin)],
    ) as unknown as NodeJS.ReadStream,
    out,
    err,
    signal: options.signal ?? new AbortController().signal,
    passSignals: () => () => {},
  });
  return { code, out: out.text(), err: err.text() };
}
