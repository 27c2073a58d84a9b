// Handles process matters of worker, gateway and hive: fatal errors and exit codes.
import { ListenError } from "../ports/index.ts";
import { WaggleError, exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { complaint, createStyle } from "../terminal/index.ts";
import { programName, refusal, type DaemonConfig } from "../settings/read-config.ts";

/** Time from shutdown to a forced exit. A handle that keeps the event loop alive is a bug, but must not keep the process running. */
const lastResortMs = 1_000;

/** A daemon cannot start, for a reason that the user can fix. The message is a sentence with the reason. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** An error that no code catches ends the process, with its reason in the log. */
export function endOnDefects(log: Logger): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(exitCodes.internal);
    });
  }
}

interface StartingProgram extends Pick<DaemonConfig, "program" | "screen"> {
  readonly log: Logger;
}

/**
 * Writes why the program could not start, in one line on stderr; an unexpected error goes to the log. @returns the exit code for this kind of error
 */
export function startFailed(error: unknown, { program, screen, log }: StartingProgram): number {
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) {
    log.fatal({ err: error }, `Cannot start ${program}.`);
    return exitCodes.internal;
  }
  const style = createStyle(screen?.colors === true);
  // A wrong setting that was found only at its use is reported like settings that are refused at the start.
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
