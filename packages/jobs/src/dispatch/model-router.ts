// Routes each job to the dispatcher of its model. To the front, the router looks like one dispatcher.
import { inBackground } from "@waggle/async";
import type { Dispatcher, JobDispatcher } from "./dispatcher-port.ts";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import type { JobObserver } from "../job/observers.ts";

/** The jobs of one model. */
export interface RoutedHost {
  readonly dispatcher: Dispatcher;
}

/** Keeps a model in use: for a submission and then for its job, or for a query. */
export interface Lease {
  /** Idempotent. @param job the ended job that needed the model; undefined for a refused submission and for a query */
  end(job?: Job): void;
  /** The job runs tool calls. Until `resume`, the model may be unloaded for another model. */
  pause(): void;
  resume(): void;
}

export interface RouterOptions<H extends RoutedHost> {
  readonly hosts: () => readonly H[];
  /** Returns the host that serves this name now. @throws WaggleError not_found */
  readonly hostOf: (model: string) => H;
  /** Called before a job is submitted to the host. The lease ends with the refusal or with the end of the job. */
  readonly use?: (host: H, spec: JobSpec) => Lease;
}

export interface ModelRouter<H extends RoutedHost> extends JobDispatcher {
  /** Adds a job that did not come through `submit`. */
  join(host: H, job: Job): void;
  /** Pauses the lease of a job that runs tool calls. */
  readonly observe: JobObserver;
}

export function createModelRouter<H extends RoutedHost>({ hosts, hostOf, use }: RouterOptions<H>): ModelRouter<H> {
  const hostsOfJobs = new WeakMap<Job, H>();
  const leases = new WeakMap<Job, Lease>();

  /** @throws Error for a job that no host has accepted */
  function dispatcherOf(job: Job): Dispatcher {
    const host = hostsOfJobs.get(job);
    if (host === undefined) throw new Error(`Job ${job.id} was never accepted`);
    return host.dispatcher;
  }

  function accepted(host: H, job: Job, lease: Lease | undefined): void {
    hostsOfJobs.set(job, host);
    if (lease === undefined) return;
    leases.set(job, lease);
    // The calls of a recorded message have begun before.
    if (job.state.phase.name === "calling") lease.pause();
    const done = job.ended.promise.then(() => lease.end(job));
    inBackground("end a lease", done);
  }

  return {
    submit(spec, how) {
      const host = hostOf(spec.model);
      const lease = use?.(host, spec);
      const submitted = host.dispatcher.submit(spec, how);
      // Registered before the caller's continuation, so that `accepted` runs first, without an extra turn of the event loop.
      submitted.then(
        (job) => accepted(host, job, lease),
        () => lease?.end(),
      );
      return submitted;
    },
    preflight: (spec) => hostOf(spec.model).dispatcher.preflight(spec),
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
    observe(job, { type }) {
      if (type === "calling") leases.get(job)?.pause();
      if (type === "continues") leases.get(job)?.resume();
    },
  };
}
