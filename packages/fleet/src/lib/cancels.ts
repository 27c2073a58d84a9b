// Owns the word that a job is to end: a key for whoever takes the job later, and a message for whoever has it now.
import type { Connected, FleetConnection } from "./connection.ts";
import { subjects } from "./names.ts";

/** Resolves when whoever takes the job finds the key. @throws Error when NATS does not answer */
export async function cancelJob({ nc, buckets }: Connected, jobId: string): Promise<void> {
  // Who has it already need not wait for the disk.
  nc.publish(subjects.cancel(jobId));
  await buckets.cancels.put(jobId, "");
  // Who has taken it in between has looked before the key was there.
  nc.publish(subjects.cancel(jobId));
}

/** @throws Error when NATS does not answer */
export async function isCancelled({ buckets }: Connected, jobId: string): Promise<boolean> {
  return (await buckets.cancels.get(jobId)) !== null;
}

/** Calls back for each job that is to end. Returns how to stop. */
export function onCancels(connection: FleetConnection, listener: (jobId: string) => void): () => void {
  const prefix = subjects.cancel("");
  return connection.onChange((connected, first) => {
    if (connected === undefined || !first) return;
    connected.nc.subscribe(subjects.allCancels, {
      callback(error, { subject }) {
        if (error === null) listener(subject.slice(prefix.length));
      },
    });
  });
}
