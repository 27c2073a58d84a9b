// Owns how a program of the system is asked: with a limit of time and of output, and without a shell.
import { execFile } from "node:child_process";

const timeoutMs = 10_000;
const maxOutputBytes = 1_048_576;

export interface ToolResult {
  /** Undefined: it failed, or is not there. */
  readonly stdout: string | undefined;
  /** Why it failed; undefined where it did not, or is not there. */
  readonly error: string | undefined;
}

/** Never throws. */
export async function runTool(command: string, args: readonly string[], signal: AbortSignal): Promise<ToolResult> {
  return await new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: maxOutputBytes, signal, windowsHide: true };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ stdout, error: undefined });
      if (error.code === "ENOENT") return resolve({ stdout: undefined, error: undefined });
      const told = `${stdout}\n${stderr}`.trim().split("\n")[0] ?? "";
      resolve({ stdout: undefined, error: told === "" ? error.message : told });
    });
  });
}
