// Runs npm with a time limit and an abort signal. The error contains npm's own message.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { linkSignals } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";

export interface NpmCall {
  /** Path of npm, or its name on the PATH. */
  readonly npm: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Limit for the text that is kept from the end of npm's stderr. */
const maxTextChars = 2_000;

/** @throws WaggleError unavailable when npm cannot be started, fails, or takes too long; the signal's reason when it aborts */
export async function callNpm({ npm, args, folder, limitMs, signal }: NpmCall): Promise<void> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(limitMs);
  using ending = linkSignals(signal, limit);
  let text = "";
  try {
    // Throws if the system has no process or pipe now.
    const child = spawn(npm, args, {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      // On Windows npm is a script, which only a shell can start.
      shell: process.platform === "win32",
      signal: ending,
      killSignal: "SIGTERM",
    });
    child.stderr.setEncoding("utf8").on("data", (more: string) => (text = (text + more).slice(-maxTextChars)));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new WaggleError("unavailable", `npm failed: ${reasonIn(text)}`);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof WaggleError) throw error;
    const reason = limit.aborted ? `npm took longer than ${limitMs / 1_000} s` : (error as Error).message;
    throw new WaggleError("unavailable", `Cannot run npm: ${reason}`, { cause: error });
  }
}

/** npm's error lines, without their prefix and without the path of npm's log. */
function reasonIn(text: string): string {
  const lines = text.split("\n").map((line) => line.replace(/^npm (?:error|ERR!) ?/, "").trim());
  const telling = lines.filter((line) => line !== "" && !/^npm |A complete log of this run|debug-\d/.test(line));
  return telling.join(" ") || "npm gave no reason";
}
