// Owns the cancel of a job: a key for the worker that takes the job later, and a message for the worker that has it now.
import { subscribeAlways, type Connected, type FleetConnection } from "../nats/connection.ts";
import { subjects } from "../nats/names.ts";

/** Resolves when the key is written. @throws Error when NATS does not answer */
export async function cancelJob({ nc, buckets }: Connected, jobId: string): Promise<void> {
  // Publish at once, so that the worker that has the job need not wait for the disk.
  nc.publish(subjects.cancel(jobId));
  await buckets.cancels.put(jobId, "");
  // Publish again for a worker that took the job in between and looked for the key before it was written.
  nc.publish(subjects.cancel(jobId));
}

/** @throws Error when NATS does not answer */
export async function isCancelled({ buckets }: Connected, jobId: string): Promise<boolean> {
  return (await buckets.cancels.get(jobId)) !== null;
}

/** Calls back for each cancelled job. Returns the function that unsubscribes. */
export function onCancels(connection: FleetConnection, listener: (jobId: string) => void): () => void {
  const prefix = subjects.cancel("");
  return subscribeAlways(connection, subjects.allCancels, ({ subject }) => listener(subject.slice(prefix.length)));
}
