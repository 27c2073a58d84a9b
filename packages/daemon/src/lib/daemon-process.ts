// Owns what worker and gateway have in common as processes: errors that end them, and exit codes.
import { ListenError } from "@waggle/front";
import { WaggleError, exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { complaint, createStyle } from "@waggle/terminal";
import type { Screen } from "./terminal-facts.ts";
import { programName, refusal } from "./refusal.ts";
import { StartError } from "./start-error.ts";

/** Everything is down by then; whatever still holds the event loop is a defect, and must not hold the process. */
const lastResortMs = 1_000;

/** What nobody has caught ends the process, with its reason in the log. */
export function endOnDefects(log: Logger): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(exitCodes.internal);
    });
  }
}

export interface StartingProgram {
  /** As a person types it. */
  readonly program: string;
  readonly screen: Screen | undefined;
  readonly log: Logger;
}

/** Why the program could not start, in one line on stderr; a defect goes into the log. @returns the exit code that says which kind it is */
export function startFailed(error: unknown, { program, screen, log }: StartingProgram): number {
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) {
    log.fatal({ err: error }, `Cannot start ${program}.`);
    return exitCodes.internal;
  }
  const style = createStyle(screen?.colors === true);
  // A setting is wrong, though that showed late.
  if (code === exitCodes.badConfiguration) process.stderr.write(refusal(program, [error.message], style));
  else process.stderr.write(complaint(programName(program), error.message, style));
  return code;
}

function codeOf(error: unknown): number | undefined {
  if (error instanceof StartError) return error.exitCode;
  if (error instanceof ListenError) return exitCodes.unavailable;
  return error instanceof WaggleError && error.code === "invalid_argument" ? exitCodes.badConfiguration : undefined;
}

export function leaveWith(code: number): void {
  process.exitCode = code;
  if (process.connected) process.disconnect();
  setTimeout(() => process.exit(code), lastResortMs).unref();
}
