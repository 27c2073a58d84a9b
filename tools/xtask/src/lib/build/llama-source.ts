// Reads the source of llama.cpp, which node-llama-cpp contains as a git bundle.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface LlamaSource extends Disposable {
  /** Runs git in a bare clone of the bundle. @returns the output. @throws Error with git's message */
  git(...args: readonly string[]): string;
}

/** Takes about a second. @throws Error without git */
export function openLlamaSource(packageFolder: string): LlamaSource {
  const folder = mkdtempSync(join(tmpdir(), "waggle-llama-source-"));
  const dispose = (): void => rmSync(folder, { recursive: true });
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  try {
    git("clone", "--quiet", "--bare", join(packageFolder, "llama/gitRelease.bundle"), ".");
  } catch (error) {
    dispose();
    throw error;
  }
  return { git, [Symbol.dispose]: dispose };
}
