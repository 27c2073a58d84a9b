// Owns a worker with a made-up model that reads texts: to embed them, or to rank them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeRandomModel } from "@waggle/testing/models";
import { spawnModelWorker, type ListeningWorker } from "./daemon.ts";

/** Tokens of a text. */
export const readingContext = 160;
/** Numbers of a vector. */
export const readingWidth = 64;

/** Ready. It is gone with `killDaemons`, and its file with it. */
export async function spawnReadingWorker(encoder: "embed" | "rerank"): Promise<ListeningWorker> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-reading-"));
  const path = join(folder, `${encoder}.gguf`);
  const matrices = { layers: 2, width: readingWidth, heads: 4, kvHeads: 4, feedForward: 128 };
  const shape = { name: encoder, like: "none", ...matrices, vocabulary: 1_024, context: readingContext, encoder };
  writeRandomModel(shape, path);
  const forget = (): void => rmSync(folder, { recursive: true });
  try {
    const worker = await spawnModelWorker(["--model", path]);
    void worker.exited.then(forget);
    return worker;
  } catch (error) {
    forget();
    throw error;
  }
}
