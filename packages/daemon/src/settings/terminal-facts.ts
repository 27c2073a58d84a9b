// Owns the settings that depend on terminals: whether there is a screen, its colours, and which log lines are shown with it.
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
  /** Show only warnings, because the log shares the terminal with the screen and no log level is set. */
  readonly quietLog: boolean;
}

/** Settings of the screen when stdout is a terminal; undefined otherwise, since a program then reads JSON lines. Colours: https://no-color.org. */
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
