// Routes each job to the dispatcher of its model. To the front, the router looks like one dispatcher.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { Dispatcher, JobDispatcher } from "./dispatcher-port.ts";
import type { Job } from "../job/job.ts";

/** The jobs of one model. */
export interface RoutedHost {
  readonly dispatcher: Dispatcher;
  readonly registry: { readonly liveCount: number };
}

export interface RouterOptions<H extends RoutedHost> {
  readonly hosts: () => readonly H[];
  /** Returns the host that serves this name now. @throws WaggleError not_found */
  readonly hostOf: (model: string) => H;
  /** Called before a job is submitted to the host. */
  readonly onWanted: (host: H) => void;
  /** Called after a job has been accepted. */
  readonly onAccepted: () => void;
  /** Called when a job has been accepted or refused. */
  readonly onSettled: (host: H) => void;
}

export interface ModelRouter<H extends RoutedHost> extends JobDispatcher {
  /** Resolves when the host has no live job, and no submission to the host waits for acceptance. */
  idle(host: H): Promise<void>;
  /** Adds a job that did not come through `submit`. */
  join(host: H, job: Job): void;
}

export function createModelRouter<H extends RoutedHost>({
  hosts,
  hostOf,
  onWanted,
  onAccepted,
  onSettled,
}: RouterOptions<H>): ModelRouter<H> {
  const hostsOfJobs = new WeakMap<Job, H>();
  /** For each host, the number of submissions that wait for acceptance; `none` resolves when the number is 0. */
  const pending = new Map<H, { count: number; readonly none: Deferred<void> }>();

  /** @throws Error for a job that no host has accepted */
  function dispatcherOf(job: Job): Dispatcher {
    const host = hostsOfJobs.get(job);
    if (host === undefined) throw new Error(`Job ${job.id} was never accepted`);
    return host.dispatcher;
  }

  function count(host: H, change: 1 | -1): void {
    const held = pending.get(host) ?? { count: 0, none: deferred<void>() };
    pending.set(host, held);
    held.count += change;
    if (held.count > 0) return;
    pending.delete(host);
    held.none.resolve();
  }

  function accepted(host: H, job: Job): void {
    hostsOfJobs.set(job, host);
    onAccepted();
    const { client, sessionId } = job.spec.who;
    // A session has one stream at a time, even when its requests name different models.
    for (const other of sessionId === undefined ? [] : hosts()) {
      const before = other === host ? undefined : other.dispatcher.sessionJob(client, sessionId ?? "");
      if (before !== undefined) other.dispatcher.cancel(before, "superseded");
    }
  }

  return {
    submit(spec, listener) {
      const host = hostOf(spec.model);
      onWanted(host);
      const submitted = host.dispatcher.submit(spec, listener);
      count(host, 1);
      // Registered before the caller's continuation, so that `accepted` runs first, without an extra turn of the event loop.
      submitted
        .then(
          (job) => accepted(host, job),
          () => {},
        )
        .finally(() => {
          count(host, -1);
          onSettled(host);
        });
      return submitted;
    },
    // The position is undefined while the job is being accepted: its client has no stream yet.
    position: (job) => hostsOfJobs.get(job)?.dispatcher.position(job),
    cancel: (job, by) => dispatcherOf(job).cancel(job, by),
    sessionJob(client, sessionId) {
      for (const { dispatcher } of hosts()) {
        const job = dispatcher.sessionJob(client, sessionId);
        if (job !== undefined) return job;
      }
      return undefined;
    },
    openReader: (job, after, onStalled) => dispatcherOf(job).openReader(job, after, onStalled),
    join: (host, job) => void hostsOfJobs.set(job, host),
    async idle(host) {
      while (pending.has(host) || host.registry.liveCount > 0) {
        await pending.get(host)?.none.promise;
        await host.dispatcher.idle();
      }
    },
  };
}
