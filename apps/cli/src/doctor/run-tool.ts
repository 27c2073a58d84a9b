// Runs a system program without a shell, with limits for its time and output.
import { execFile } from "node:child_process";

const timeoutMs = 10_000;
const maxOutputBytes = 1_048_576;

export interface ToolResult {
  /** Undefined when the program failed or is not installed. */
  readonly stdout: string | undefined;
  /** Why the program failed; undefined when it succeeded or is not installed. */
  readonly error: string | undefined;
}

/** Never throws. */
export async function runTool(command: string, args: readonly string[], signal: AbortSignal): Promise<ToolResult> {
  return await new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: maxOutputBytes, signal, windowsHide: true };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ stdout, error: undefined });
      if (error.code === "ENOENT") return resolve({ stdout: undefined, error: undefined });
      const firstLine = `${stdout}\n${stderr}`.trim().split("\n")[0] ?? "";
      resolve({ stdout: undefined, error: firstLine === "" ? error.message : firstLine });
    });
  });
}
