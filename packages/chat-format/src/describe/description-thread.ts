// Runs as a thread: describes a model's file, or renders a prompt with the template in the file. Templates run on this thread too.
import { serveTasks } from "@waggle/async";
import { renderHere } from "../template/index.ts";
import {
  describeFile,
  renderByFile,
  type DescribeOptions,
  type FileDescription,
  type PromptRequest,
} from "./describe-file.ts";
import { problemOfMessages } from "./problem-of-messages.ts";

export interface DescriptionTask extends Pick<DescribeOptions, "chosen"> {
  /** Path of the model's file, or of any part of a split model. */
  readonly path: string;
  /** The prompt to render. Absent: the thread describes the file. */
  readonly render?: PromptRequest;
}

export type DescriptionResult = { readonly kind: "described"; readonly description: FileDescription } | Rendered;

/** `refused`: the template does not take the messages, and `problem` says why. */
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
