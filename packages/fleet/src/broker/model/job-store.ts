// Owns the broker's side of the modelled work queue: its queues, taken jobs, and the ids of the last two minutes.
import { WaggleError } from "@waggle/protocol";
import { sameIdForMs, takenForMs } from "../stores.ts";
import type { Store, Stored } from "./store.ts";
import { matches, overlap } from "./topics.ts";

/** The broker's disk has everything that is older. */
const mostLostMs = 10_000;

interface Taken {
  /** When the queue may give the job to a worker again, in milliseconds since 1970. */
  untilMs: number;
  deliveries: number;
}

interface Queue {
  readonly pattern: string;
  /** Sequences of the jobs that were never given to a worker. Some may be deleted by now. */
  readonly fresh: number[];
  readonly taken: Map<number, Taken>;
}

export interface JobStore {
  put(topic: string, data: Uint8Array, id: string): "stored" | "full";
  has(pattern: string): boolean;
  open(name: string, pattern: string): void;
  /** @throws WaggleError unavailable without such a queue */
  take(name: string): { readonly job: Stored; readonly deliveries: number } | undefined;
  /** The queue may give a taken job to a worker after this time. As on NATS, any worker that had the job may do this. */
  extend(name: string, sequence: number, ms: number): void;
  /** Deletes a job. As on NATS, only its sequence counts, also if the store has been lost since. */
  end(name: string, sequence: number): void;
  list(): readonly string[];
  sizeOf(name: string): { readonly waiting: number; readonly taken: number } | undefined;
  remove(name: string): void;
  /** Forgets the ids of ended jobs, as NATS does at a restart. Jobs that ended after this time come back, as never taken. */
  restart(sinceMs: number): void;
  /** Makes one random taken job due, as if its worker had been silent. Returns whether there is one. */
  redeliver(random: () => number): boolean;
}

/** @param now milliseconds since 1970 */
export function createJobStore(store: Store, now: () => number): JobStore {
  const queues = new Map<string, Queue>();
  /** When the queue got each id, and the job's sequence, the oldest first. */
  const ids = new Map<string, { readonly at: number; readonly sequence: number }>();
  let ended: { readonly at: number; readonly job: Stored }[] = [];

  function forgetIds(): void {
    for (const [id, { at }] of ids) {
      if (at + sameIdForMs > now()) return;
      ids.delete(id);
    }
  }

  /** Forgets jobs that are deleted. */
  function takenOf(queue: Queue): Map<number, Taken> {
    for (const sequence of queue.taken.keys()) if (store.get(sequence) === undefined) queue.taken.delete(sequence);
    return queue.taken;
  }

  /** The job that is due for the longest time, or the next fresh one. */
  function nextOf(queue: Queue): number | undefined {
    let due: { readonly sequence: number; readonly untilMs: number } | undefined;
    for (const [sequence, { untilMs }] of takenOf(queue)) {
      if (untilMs <= now() && (due === undefined || untilMs < due.untilMs)) due = { sequence, untilMs };
    }
    if (due !== undefined) return due.sequence;
    let sequence = queue.fresh.shift();
    while (sequence !== undefined && store.get(sequence) === undefined) sequence = queue.fresh.shift();
    return sequence;
  }

  function add(topic: string, data: Stored["data"]): number | undefined {
    const stored = store.add(topic, data);
    if (stored === undefined) return undefined;
    for (const queue of queues.values()) if (matches(queue.pattern, topic)) queue.fresh.push(stored.sequence);
    return stored.sequence;
  }

  return {
    put(topic, data, id) {
      forgetIds();
      if (ids.has(id)) return "stored";
      const sequence = add(topic, data);
      if (sequence === undefined) return "full";
      ids.set(id, { at: now(), sequence });
      return "stored";
    },
    has: (pattern) => store.list(pattern).length > 0,
    open(name, pattern) {
      if (queues.has(name)) return;
      for (const [other, queue] of queues) {
        if (!overlap(pattern, queue.pattern)) continue;
        throw new WaggleError("unavailable", `Cannot open the queue ${name}: ${other} has jobs of its pattern.`);
      }
      queues.set(name, { pattern, fresh: store.list(pattern).map(({ sequence }) => sequence), taken: new Map() });
    },
    take(name) {
      const queue = queues.get(name);
      if (queue === undefined) throw new WaggleError("unavailable", `Cannot take a job: there is no queue ${name}.`);
      const sequence = nextOf(queue);
      const job = sequence === undefined ? undefined : store.get(sequence);
      if (sequence === undefined || job === undefined) return undefined;
      const deliveries = (queue.taken.get(sequence)?.deliveries ?? 0) + 1;
      queue.taken.set(sequence, { untilMs: now() + takenForMs, deliveries });
      return { job, deliveries };
    },
    extend(name, sequence, ms) {
      const taken = queues.get(name)?.taken.get(sequence);
      // NATS ignores this once the job is due.
      if (taken !== undefined && taken.untilMs > now()) taken.untilMs = now() + ms;
    },
    end(name, sequence) {
      const job = store.get(sequence);
      if (!queues.has(name) || job === undefined) return;
      store.remove(sequence);
      ended = [...ended.filter(({ at }) => at + mostLostMs > now()), { at: now(), job }];
    },
    list: () => [...queues.keys()],
    sizeOf(name) {
      const queue = queues.get(name);
      if (queue === undefined) return undefined;
      const waiting = queue.fresh.filter((sequence) => store.get(sequence) !== undefined).length;
      return { waiting, taken: takenOf(queue).size };
    },
    remove: (name) => void queues.delete(name),
    restart(sinceMs) {
      for (const [id, { sequence }] of ids) if (store.get(sequence) === undefined) ids.delete(id);
      for (const { at, job } of ended.splice(0)) if (at > sinceMs) add(job.topic, job.data);
    },
    redeliver(random) {
      const taken = [...queues.values()].flatMap((queue) => [...takenOf(queue).values()]);
      const one = taken[Math.floor(random() * taken.length)];
      if (one !== undefined) one.untilMs = now();
      return one !== undefined;
    },
  };
}
