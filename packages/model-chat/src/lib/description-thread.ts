// Owns the thread that describes one file, and then has nothing more to do. Its templates are rendered on it: who waits too long ends it.
import { parentPort, workerData } from "node:worker_threads";
import { renderHere } from "@waggle/chat-template";
import { describeFile } from "./describe-file.ts";
import type { FileDescription } from "./describe-file.ts";

export interface DescriptionTask {
  /** Of any part of a split model. */
  readonly path: string;
  /** Instead of the model's own template: a name of ours, or a template's source. */
  readonly chosen: string | undefined;
}

export type DescriptionResult =
  | { readonly kind: "described"; readonly description: FileDescription }
  | { readonly kind: "failed"; readonly message: string };

const { path, chosen } = workerData as DescriptionTask;

describeFile(path, { chosen, startThread: renderHere }).then(
  (description) => answer({ kind: "described", description }),
  (error: unknown) => answer({ kind: "failed", message: error instanceof Error ? error.message : "unknown" }),
);

function answer(result: DescriptionResult): void {
  parentPort?.postMessage(result);
}
