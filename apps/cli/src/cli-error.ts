// Defines how a command fails: with a sentence that says what to do, and an exit code. Also converts all other errors to this form.
import { BrokenStreamError } from "@waggle/client";
import { errorReason, sentence } from "@waggle/daemon/terminal";
import { GgufError } from "@waggle/models/header";
import { WaggleError, exitCodes as codes } from "@waggle/protocol";

/** The exit codes of all programs, with names that fit commands. */
export const exitCodes = {
  ok: codes.ok,
  failed: codes.failed,
  wrongUse: codes.badConfiguration,
  fileUnusable: codes.fileUnusable,
  unavailable: codes.unavailable,
  interrupted: codes.abortedByInterrupt,
} as const;

/** The message is a whole sentence, with a remedy where one is known. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export function wrongUse(message: string, options?: ErrorOptions): CliError {
  return new CliError(message, exitCodes.wrongUse, options);
}

export class InterruptedError extends Error {
  override readonly name = "InterruptedError";

  constructor() {
    super("Interrupted.");
  }
}

export interface Failure {
  /** Undefined when nothing is to be printed. */
  readonly message: string | undefined;
  readonly exitCode: number;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof InterruptedError) return { message: undefined, exitCode: exitCodes.interrupted };
  if (error instanceof CliError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof WaggleError) return { message: withRemedy(error), exitCode: errorExitCode(error) };
  if (error instanceof BrokenStreamError) {
    return { message: `${error.message}. The worker's log may say why.`, exitCode: exitCodes.failed };
  }
  return {
    message: (isFileError(error) ? `Cannot use ${error.path}: ` : "") + errorReason(error),
    exitCode: exitCodes.failed,
  };
}

function isFileError(error: unknown): error is NodeJS.ErrnoException & { readonly path: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).path === "string";
}

function errorExitCode({ code, cause, message }: WaggleError): number {
  if (code === "not_found" && /^Cannot find (a )?model\b/.test(message)) return exitCodes.fileUnusable;
  // The file itself is faulty; reading it worked.
  if (cause instanceof GgufError) return exitCodes.fileUnusable;
  if (code === "invalid_argument") return exitCodes.wrongUse;
  return code === "unavailable" ? exitCodes.unavailable : exitCodes.failed;
}

function withRemedy({ code, message }: WaggleError): string {
  const remedy = code === "unauthenticated" ? " Set the variable WAGGLE_API_TOKEN to one of its tokens." : "";
  return sentence(message) + remedy;
}
