// Owns the thread that describes one file or renders one prompt by it, and then has nothing more to do. Its templates are rendered on it: who waits too long ends it.
import { parentPort, workerData } from "node:worker_threads";
import { renderHere } from "@waggle/chat-template";
import { describeFile, renderByFile } from "./describe-file.ts";
import type { FileDescription, PromptRequest } from "./describe-file.ts";
import { problemOfMessages } from "./problem-of-messages.ts";

export interface DescriptionTask {
  /** Of any part of a split model. */
  readonly path: string;
  /** Instead of the model's own template: a name of ours, or a template's source. */
  readonly chosen: string | undefined;
  /** Instead of the description. */
  readonly render?: PromptRequest;
}

export type DescriptionResult =
  | { readonly kind: "described"; readonly description: FileDescription }
  | Rendered
  | { readonly kind: "failed"; readonly message: string };

/** `refused`: what is wrong with the messages. */
export type Rendered =
  | { readonly kind: "rendered"; readonly prompt: string }
  | { readonly kind: "refused"; readonly problem: string };

perform(workerData as DescriptionTask).then(answer, (error: unknown) =>
  answer({ kind: "failed", message: error instanceof Error ? error.message : "unknown" }),
);

async function perform({ path, chosen, render }: DescriptionTask): Promise<DescriptionResult> {
  const options = { chosen, startThread: renderHere };
  if (render === undefined) return { kind: "described", description: await describeFile(path, options) };
  try {
    return { kind: "rendered", prompt: await renderByFile(path, render, options) };
  } catch (error) {
    const problem = problemOfMessages(error);
    if (problem === undefined) throw error;
    return { kind: "refused", problem };
  }
}

function answer(result: DescriptionResult): void {
  parentPort?.postMessage(result);
}
