// Owns the folders of tests, and downloads that end before they are complete.
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect } from "vitest";
import type { PullOptions } from "../download/reference/pull-model.ts";
import type { PullProgress } from "../download/transfer/progress.ts";

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "waggle-models-"));
}

/** The paths of all files in the folder and below, in alphabetical order. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

/** Aborts a download at the first progress for which `isLast` is true. */
export async function cutDownload(
  begin: (options: Required<Pick<PullOptions, "signal" | "onProgress">>) => Promise<unknown>,
  isLast: (progress: PullProgress) => boolean,
): Promise<void> {
  const stopped = new AbortController();
  const onProgress = (progress: PullProgress): void => void (isLast(progress) && stopped.abort());
  await expect(begin({ signal: stopped.signal, onProgress })).rejects.toThrow("aborted");
}
