// Tests the hook for commit messages in a new repository.
import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "@waggle/testing";
import { repositoryPath } from "@waggle/testing/harness";
import { execaSync } from "execa";
import { beforeEach, describe, expect, it } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-commit-"));
});

/** Commits a file of so many lines. @returns the error; empty for a commit that succeeds */
function commit(message: string, lines: number): string {
  const git = (...args: readonly string[]) => execaSync("git", args, { cwd: folder, reject: false });
  git("init", "--quiet");
  const hook = join(folder, ".git/hooks/commit-msg");
  copyFileSync(repositoryPath(".githooks/commit-msg"), hook);
  chmodSync(hook, 0o755);
  writeFileSync(join(folder, "file"), "line\n".repeat(lines));
  git("add", "file");
  const author = ["-c", "user.name=bee", "-c", "user.email=bee@localhost"];
  const { exitCode, stderr } = git(...author, "commit", "--quiet", "--message", message);
  expect(exitCode === 0).toBe(stderr === "");
  return stderr;
}

describe("a commit message", needs("git"), () => {
  it.each([
    ["a subject of 72 characters", "x".repeat(72), 200, ""],
    ["a body that says why", "Move files\n\nThe folder had 17.", 201, ""],
    ["a longer subject", "x".repeat(73), 1, "the subject has 73 characters; at most 72 are allowed"],
    ["two concerns", "Mend a; mend b", 1, "the subject has a semicolon; a commit has one concern"],
    ["no body", "Move files", 201, "201 lines change; say why below the subject"],
  ])("with %s", (_, message, lines, reason) => {
    expect(commit(message, lines)).toBe(reason === "" ? "" : `Cannot commit: ${reason}.`);
  });
});
