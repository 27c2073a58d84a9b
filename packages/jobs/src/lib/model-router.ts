// Owns the way of a job to the model that it is for. To the front it looks like one dispatcher.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { Dispatcher, JobDispatcher } from "./dispatcher-port.ts";
import type { Job } from "./job.ts";

/** Whoever has the jobs of one model. */
export interface RoutedHost {
  readonly dispatcher: Dispatcher;
  readonly registry: { readonly liveCount: number };
}

export interface RouterOptions<H extends RoutedHost> {
  readonly hosts: () => readonly H[];
  /** The host that answers under this name now. @throws WaggleError not_found */
  readonly hostOf: (model: string) => H;
  /** A job is about to be handed to it. */
  readonly onWanted: (host: H) => void;
  /** A job has been accepted. */
  readonly onAccepted: () => void;
  /** It has been accepted, or refused. */
  readonly onSettled: (host: H) => void;
}

export interface ModelRouter<H extends RoutedHost> extends JobDispatcher {
  /** Resolves when no job of it is live, and none is being accepted by it. */
  idle(host: H): Promise<void>;
  /** A job that came to it another way is asked for here as well. */
  join(host: H, job: Job): void;
}

export function createModelRouter<H extends RoutedHost>({
  hosts,
  hostOf,
  onWanted,
  onAccepted: tell,
  onSettled,
}: RouterOptions<H>): ModelRouter<H> {
  const hostsOfJobs = new WeakMap<Job, H>();
  /** Jobs that are being accepted, by their hosts, and who waits until there is none. */
  const pending = new Map<H, { count: number; readonly none: Deferred<void> }>();

  /** @throws Error for a job that is none of ours */
  function dispatcherOf(job: Job): Dispatcher {
    const host = hostsOfJobs.get(job);
    if (host === undefined) throw new Error(`Nobody has accepted job ${job.id}`);
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

  function onAccepted(host: H, job: Job): void {
    hostsOfJobs.set(job, host);
    tell();
    const { client, sessionId } = job.spec.scope;
    // A session has one stream at a time, whichever models it asks.
    for (const other of sessionId === undefined ? [] : hosts()) {
      const before = other === host ? undefined : other.dispatcher.sessionJob(client, sessionId ?? "");
      if (before !== undefined) other.dispatcher.cancel(before, "superseded");
    }
  }

  return {
    submit(spec, follower) {
      const host = hostOf(spec.model);
      onWanted(host);
      const accepted = host.dispatcher.submit(spec, follower);
      count(host, 1);
      // Before whoever awaits it goes on, and without a turn more than a single dispatcher takes.
      accepted
        .then(
          (job) => onAccepted(host, job),
          () => {},
        )
        .finally(() => {
          count(host, -1);
          onSettled(host);
        });
      return accepted;
    },
    // Of one that is just being accepted nobody has been told yet.
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
