// Owns the jobs of one model, at a worker or at a gateway: the queue, the live jobs and their dispatcher. Also what clients learn while the model
// loads, and how the jobs end when the worker or the gateway leaves.
import { createConflatedChannel } from "@waggle/async";
import type { ConflatedChannel } from "@waggle/async";
import { priorities, WaggleError } from "@waggle/protocol";
import type { LoadingEvent } from "@waggle/protocol";
import { createAdmissionQueue } from "@waggle/queue";
import type { AdmissionQueue } from "@waggle/queue";
import { createDispatcher } from "./dispatcher.ts";
import type { Dispatcher, DispatcherOptions } from "./dispatcher-port.ts";
import type { Job } from "../job/job.ts";
import { createLiveJobs } from "../kept/registry.ts";
import type { JobRegistry, LiveJobs } from "../kept/registry.ts";
import { createJobLog } from "../watching/job-log.ts";
import type { JobLogOptions } from "../watching/job-log.ts";

export interface JobHostOptions
  extends
    Pick<DispatcherOptions, "executor" | "calls" | "observers" | "clock" | "limits" | "model" | "fingerprints">,
    JobLogOptions {
  /** The jobs of all models. */
  readonly registry: JobRegistry;
  /** What error messages call the server. */
  readonly server: "worker" | "gateway";
  /** Prefix of the uids of the host's jobs, different for each host. */
  readonly key: string;
  readonly queueCapacity: number;
  readonly clientQueueShare: number;
  /** Called for each new job, accepted or taken over, before it can start. */
  readonly onAdded?: (job: Job) => void;
}

export interface JobHost {
  readonly key: string;
  readonly dispatcher: Dispatcher;
  readonly registry: LiveJobs;
  readonly queue: AdmissionQueue<Job>;
  readonly loading: ConflatedChannel<LoadingEvent>;
  /** Number of model tokens so far. */
  tokens(): number;
  /**
   * Refuses new jobs, because the server leaves. A worker ends its waiting jobs.
   * @param sparing whether a worker's jobs with output continue if their engine dies
   */
  refuse(sparing?: boolean): void;
  /**
   * Ends all jobs, because the server leaves. Clients that still watch the loading get a last event.
   * @param leaves whether another server continues the job
   */
  abort(leaves?: (job: Job) => boolean): void;
  /** Called last: clears all timers. */
  close(): void;
}

export function createJobHost(options: JobHostOptions): JobHost {
  const { clock, server, key } = options;
  const registry = createLiveJobs(options.registry, options.onAdded);
  const queue = createAdmissionQueue<Job>({
    capacity: options.queueCapacity,
    clientShare: options.clientQueueShare,
    lowestCounted: priorities.lowest,
    now: () => clock.now(),
  });
  const jobLog = createJobLog(options);
  const dispatcher = createDispatcher({
    ...options,
    queue,
    registry,
    observers: [...options.observers, jobLog.observe],
    uidPrefix: key,
  });
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "loading", progress: 0 });

  return {
    key,
    dispatcher,
    registry,
    queue,
    loading,
    tokens: () => jobLog.tokens,
    refuse(sparing = false) {
      const error = new WaggleError("unavailable", `Cannot run the job: the ${server} is leaving.`);
      dispatcher.refuse(error, server === "gateway" ? "accepted" : sparing ? "begun" : "none");
    },
    abort(leaves) {
      dispatcher.abort(new WaggleError("unavailable", `The job was aborted: the ${server} is leaving.`), leaves);
      if (loading.value.type === "loading") loading.set({ type: "failed", message: `The ${server} is leaving.` });
    },
    close: dispatcher.stop,
  };
}
