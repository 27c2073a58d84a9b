// The thread that describes a file or renders a prompt by it. Templates run on this thread too; it is killed if it takes too long.
import { serveTasks } from "@waggle/async";
import { renderHere } from "../template/index.ts";
import { describeFile, renderByFile } from "./describe-file.ts";
import type { FileDescription, PromptRequest } from "./describe-file.ts";
import { problemOfMessages } from "./problem-of-messages.ts";

export interface DescriptionTask {
  /** Of any part of a split model. */
  readonly path: string;
  /** A template to use instead of the model's: a name from `templateNames`, or the source of a template. */
  readonly chosen: string | undefined;
  /** If given, a prompt is rendered instead of the description. */
  readonly render?: PromptRequest;
}

export type DescriptionResult = { readonly kind: "described"; readonly description: FileDescription } | Rendered;

/** `refused`: what is wrong with the messages. */
export type Rendered =
  | { readonly kind: "rendered"; readonly prompt: string }
  | { readonly kind: "refused"; readonly problem: string };

serveTasks(async ({ path, chosen, render }: DescriptionTask): Promise<DescriptionResult> => {
  const options = { chosen, startThread: renderHere };
  if (render === undefined) return { kind: "described", description: await describeFile(path, options) };
  try {
    return { kind: "rendered", prompt: await renderByFile(path, render, options) };
  } catch (error) {
    const problem = problemOfMessages(error);
    if (problem === undefined) throw error;
    return { kind: "refused", problem };
  }
});
