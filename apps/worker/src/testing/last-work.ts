// Finds the work that a worker's engine got.
import type { Conversation, GenerateWork, Work } from "@waggle/engine";
import type { InlineWorker } from "./inline-worker.ts";

/** The work of all jobs that the engine got, in order. */
export function worksOf({ commands }: Pick<InlineWorker, "commands">): readonly Work[] {
  return commands.flatMap((command) => (command.type === "submit" ? [command.job.work] : []));
}

/** @throws Error if the last work does not generate */
export function lastWorkOf(worker: Pick<InlineWorker, "commands">): GenerateWork {
  const work = worksOf(worker).at(-1);
  if (work?.kind !== "generate") throw new Error("The engine's last job does not generate.");
  return work;
}

/** @throws Error if the last prompt is not a conversation */
export function lastConversationOf(worker: Pick<InlineWorker, "commands">): Conversation {
  const { prompt } = lastWorkOf(worker);
  if (prompt.kind !== "messages") throw new Error("The engine's last prompt is not a conversation.");
  return prompt;
}
