// Runs a program in a real terminal, which util-linux's `script` provides. Tests type keys and wait for output.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { repositoryPath, waitFor, withoutSettings } from "@waggle/testing/harness";

export interface Terminal extends AsyncDisposable {
  type(keys: string): void;
  /** Resolves when the output since the last call matches. The output up to the end of the match counts as read. */
  shows(wanted: RegExp): Promise<string>;
  readonly exited: Promise<number | null>;
}

/** The built `waggle`. */
export const wagglePath = repositoryPath("apps/cli/dist/main.js");

/** The built `waggle-worker`. */
export const workerPath: string = repositoryPath("apps/worker/dist/main.js");

export function openTerminal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  program: string = wagglePath,
): Terminal {
  const words = [process.execPath, program, ...argv].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const child = spawn("script", ["--quiet", "--return", "--command", `exec ${words.join(" ")}`, "/dev/null"], {
    env: { ...withoutSettings(process.env), TERM: "xterm-256color", ...env },
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  let unread = "";
  let onText = (): void => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    unread += text;
    onText();
  });
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    type: (keys) => void child.stdin.write(keys),
    exited,
    async shows(wanted) {
      const shown = new Promise<string>((resolve) => {
        onText = () => {
          const match = wanted.exec(unread);
          if (match === null) return;
          unread = unread.slice(match.index + match[0].length);
          onText = () => {};
          resolve(match[0]);
        };
        onText();
      });
      const left = exited.then((code) => Promise.reject(new Error(`The program exited with ${code}.`)));
      left.catch(() => {});
      return await waitFor(`${String(wanted)} in the terminal`, Promise.race([shown, left])).catch((error: unknown) => {
        throw new Error(`${String(error)} The terminal shows: ${JSON.stringify(unread)}`, { cause: error });
      });
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        // The program has already exited.
      }
      await exited;
    },
  };
}

/** All processes with this environment variable: a program, and the processes that it has started. */
export function processesWith(
  name: string,
  value: string,
): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      if (!readFileSync(`/proc/${entry}/environ`, "utf8").split("\0").includes(`${name}=${value}`)) return [];
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ");
      return [{ pid: Number(entry), command }];
    } catch {
      // The process has exited, or belongs to another user.
      return [];
    }
  });
}
