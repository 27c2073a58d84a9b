// Checks the log of a simulated fleet's jobs, which clients do not see: each record is written once, and only by the worker that has the job.
import { decode, isEnd, type EventRecord } from "@waggle/fleet";

export interface LogCheckOptions {
  readonly fault: (message: string) => void;
  /** Whether something explains now why a job goes to another worker, which the first one has not given back. */
  readonly mayMove: () => boolean;
  /** Whether the log has lost records. */
  readonly isLost: () => boolean;
}

/** Returns the function that gets all records of the log, in order. */
export function createLogCheck({ fault, mayMove, isLost }: LogCheckOptions): (topic: string, data: Uint8Array) => void {
  /** The attempt that has each job, its last serial, and whether it has given the job back. */
  const attempts = new Map<string, { readonly attempt: string; serial: number; over: boolean }>();
  return (topic, data) => {
    const record = decode<EventRecord>(data);
    const last = attempts.get(topic);
    const job = topic.slice(topic.lastIndexOf(".") + 1);
    if (record.kind === "fence") {
      if (last?.attempt === record.attempt && !isLost()) fault(`the fence of job ${job} is written twice`);
      if (last?.over === false && !isLost() && !mayMove())
        fault(`job ${job} moves to ${record.worker} without a reason`);
      attempts.set(topic, { attempt: record.attempt, serial: -1, over: false });
      return;
    }
    if (last === undefined || isLost()) return;
    if (record.attempt !== last.attempt)
      return fault(`a worker that has lost job ${job} writes record ${record.serial}`);
    if (record.serial <= last.serial) fault(`record ${record.serial} of job ${job} is written twice`);
    last.serial = record.serial;
    last.over = isEnd(record) || (record.kind === "output" && record.givenBack === true);
  };
}
