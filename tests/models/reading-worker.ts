// Starts a worker with a random embedding or reranking model.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeRandomModel } from "@waggle/testing/models";
import { spawnModelWorker, type ListeningWorker } from "../support/daemon.ts";

/** Context of the model in tokens. */
export const readingContext = 160;
/** Length of a vector. */
export const readingWidth = 64;

/** Resolves when the worker is ready. `killDaemons` ends it. */
export async function spawnReadingWorker(encoder: "embed" | "rerank"): Promise<ListeningWorker> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-reading-"));
  const path = join(folder, `${encoder}.gguf`);
  const matrices = { layers: 2, width: readingWidth, heads: 4, kvHeads: 4, feedForward: 128 };
  const shape = { name: encoder, like: "none", ...matrices, vocabulary: 1_024, context: readingContext, encoder };
  writeRandomModel(shape, path);
  return await spawnModelWorker(["--model", path]);
}
