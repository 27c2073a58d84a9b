// Owns the cancel of a job: a key for the worker that takes the job later, and a message for the worker that has it now. Both say who cancelled it.
import { topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import type { EndedBy } from "./records.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Resolves when the key is written. @throws WaggleError unavailable */
export async function cancelJob({ messages, records }: Broker, jobId: string, by: EndedBy): Promise<void> {
  const data = encoder.encode(by);
  // Sent at once, so that the worker that has the job need not wait for the disk.
  messages.send(topics.cancel(jobId), data);
  await records.cancels.put(jobId, data);
  // Sent again for a worker that took the job in between and looked for the key before it was written.
  messages.send(topics.cancel(jobId), data);
}

/** Undefined for a job that is not cancelled. @throws WaggleError unavailable */
export async function cancelOf({ records }: Broker, jobId: string): Promise<EndedBy | undefined> {
  const found = await records.cancels.get(jobId);
  return found && read(found.value);
}

/** Calls back for each cancelled job. Returns the function that unsubscribes. */
export function onCancels({ messages }: Broker, listener: (jobId: string, by: EndedBy) => void): () => void {
  const prefix = topics.cancel("");
  return messages.receive(topics.allCancels, (topic, data) => listener(topic.slice(prefix.length), read(data)));
}

function read(data: Uint8Array): EndedBy {
  return decoder.decode(data) as EndedBy;
}
