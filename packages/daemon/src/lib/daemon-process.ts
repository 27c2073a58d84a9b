// Owns what worker and gateway have in common as processes: errors that end them, tokens that are read again, and exit codes.
import { PortTakenError, createTokenTable } from "@waggle/front";
import type { TokenTable } from "@waggle/front";
import { WaggleError, exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { readTokens, type TokenSources } from "./read-tokens.ts";

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

/** Why the program could not start goes into the log. @returns the exit code that says it */
export function startFailed(error: unknown, program: string, log: Logger): number {
  if (error instanceof PortTakenError) {
    log.error(error.message);
    return exitCodes.portTaken;
  }
  if (error instanceof WaggleError && error.code === "invalid_argument") {
    log.error(error.message);
    return exitCodes.badConfiguration;
  }
  log.fatal({ err: error }, `Cannot start the ${program}.`);
  return exitCodes.internal;
}

/** Undefined when there is no file, or when it is broken: then the tokens stay as they are. */
export function reloadTokens(sources: TokenSources, log: Logger): TokenTable | undefined {
  if (sources.apiTokenFile === undefined) return undefined;
  try {
    const tokens = readTokens(sources);
    log.info({ tokens: tokens.length }, "tokens_reloaded");
    return createTokenTable(tokens);
  } catch (error) {
    log.error({ err: error }, "Cannot reload the API tokens; the old ones stay.");
    return undefined;
  }
}

export function leaveWith(code: number): void {
  process.exitCode = code;
  if (process.connected) process.disconnect();
  setTimeout(() => process.exit(code), lastResortMs).unref();
}
