// Owns what settings become where a person watches: whether there is a screen, its colours, and how much of the log is shown beside it.
import type { LogFormat, LogLevel } from "@waggle/telemetry";
import type { Environment } from "./settings.ts";

export interface TerminalFacts {
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
}

export interface Screen {
  readonly colors: boolean;
}

export interface LogSettings {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** The log shares the screen, and nobody has asked for it: warnings alone are shown. */
  readonly quietLog: boolean;
}

/** What a daemon says is for a person; undefined: for a program, which reads JSON lines. https://no-color.org for the colours. */
export function screenOf({ stdoutIsTerminal }: TerminalFacts, env: Environment): Screen | undefined {
  return stdoutIsTerminal ? { colors: (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" } : undefined;
}

export function logSettingsOf(
  given: { readonly logLevel: LogLevel | undefined; readonly logFormat: LogFormat | undefined },
  { stdoutIsTerminal, stderrIsTerminal }: TerminalFacts,
): LogSettings {
  return {
    logLevel: given.logLevel ?? "info",
    logFormat: given.logFormat ?? (stderrIsTerminal ? "pretty" : "json"),
    quietLog: given.logLevel === undefined && stdoutIsTerminal && stderrIsTerminal,
  };
}
