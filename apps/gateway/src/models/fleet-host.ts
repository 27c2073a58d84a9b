// Owns one model of a gateway: its dispatcher, queue and jobs, over the fleet's workers. Knows no HTTP and no other model.
import { createConflatedChannel } from "@waggle/async";
import type { ConflatedChannel } from "@waggle/async";
import { createDispatcher, createJobLog, createRegistryPart } from "@waggle/jobs";
import type { Dispatcher, Fingerprints, Job, JobLimits, JobObserver, JobRegistry } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { LoadingEvent } from "@waggle/protocol";
import { createAdmissionQueue, createSessionRegistry } from "@waggle/queue";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { SessionClaims } from "../jobs/session-claims.ts";
import { createFleetLink } from "../link/fleet-link.ts";
import type { FleetLink, FleetLinkOptions, LinkEvents } from "../link/fleet-link.ts";
import { createOutage } from "../link/outage.ts";
import type { FleetModel } from "./catalogue.ts";

const retryAfterS = 5;

export interface FleetHost {
  readonly name: string;
  readonly dispatcher: Dispatcher;
  readonly registry: JobRegistry;
  readonly loading: ConflatedChannel<LoadingEvent>;
  readonly link: FleetLink;
  /** Model tokens received so far. */
  readonly tokens: number;
  /** Called after a change of the model's workers or the connection. */
  changed(): void;
  /** Refuses new jobs, and ends waiting jobs. */
  refuse(): void;
  abort(): void;
  close(): void;
}

export interface FleetHostOptions extends Omit<FleetLinkOptions, "model" | "serving" | "outage" | "sessionFree"> {
  /** Prefix of the uids of the host's jobs, different for each host. */
  readonly key: string;
  readonly name: string;
  readonly model: () => FleetModel | undefined;
  readonly claims: SessionClaims;
  readonly registry: JobRegistry;
  readonly queueCapacity: number;
  readonly clientQueueShare: number;
  readonly limits: JobLimits;
  readonly observers: readonly JobObserver[];
  readonly metrics: WorkerMetrics;
}

export function createFleetHost(options: FleetHostOptions): FleetHost {
  const { name, side, log, metrics, clock, claims, names } = options;
  metrics.ofModel(name).begin();
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "loading", progress: 0 });
  let leaving = false;
  const part = createRegistryPart(options.registry);
  const registry: JobRegistry = {
    ...part,
    add(job) {
      part.add(job);
      names.add(job);
      if (job.takenOver === undefined) claims.begin(job);
    },
    // The spread above copies these as numbers; only getters stay up to date.
    get liveCount() {
      return part.liveCount;
    },
    get endedCount() {
      return part.endedCount;
    },
    get replayBytes() {
      return part.replayBytes;
    },
  };
  const queue = createAdmissionQueue<Job>({
    capacity: options.queueCapacity,
    clientShare: options.clientQueueShare,
    now: () => clock.now(),
  });
  const jobLog = createJobLog({ log, metrics });
  const ready = (): FleetModel["ready"] => options.model()?.ready ?? [];
  const link = createFleetLink(
    {
      ...options,
      model: name,
      serving: () => ready().map(({ member, model }) => ({ worker: member.id, slots: model.slots })),
      outage: createOutage({
        clock,
        model: name,
        connected: () => side.connected,
        served: () => ready().length > 0,
      }),
      sessionFree: claims.sessionFree,
    },
    linkEvents(() => dispatcher),
  );
  const dispatcher = createDispatcher({
    queue,
    registry,
    sessions: createSessionRegistry(),
    engine: link,
    observers: [...options.observers, jobLog.observe],
    clock,
    limits: options.limits,
    model: () => name,
    fingerprints,
    uidPrefix: options.key,
  });

  function linkEvents(to: () => Dispatcher): LinkEvents {
    return {
      onEvent: (event) => to().onEngineEvent(event),
      onRoom: () => to().onEngineReady(),
      onMoved: (uid) => to().onResumedElsewhere(uid),
      onCancelledElsewhere: (job) => to().cancel(job, "client"),
      onUnreachable: (error) => to().refuse(error),
      onReachable() {
        if (!leaving) to().accept();
      },
    };
  }

  function fingerprints(job: Job): Fingerprints {
    const { modelSha256, modelFile, templateSha256 } = link.fileOf(job) ?? {};
    return {
      modelSha256: modelSha256 ?? undefined,
      modelFile: modelFile ?? undefined,
      templateSha256: templateSha256 ?? undefined,
    };
  }

  return {
    name,
    dispatcher,
    registry,
    loading,
    link,
    get tokens() {
      return jobLog.tokens;
    },
    changed() {
      const isReady = link.ready;
      if (isReady && loading.value.type !== "ready") loading.set({ type: "ready", model: name });
      else if (!isReady && loading.value.type === "ready") {
        loading.set({ type: "loading", stage: "loading", progress: 0 });
      }
      link.changed();
    },
    refuse() {
      leaving = true;
      dispatcher.refuse(new WaggleError("unavailable", "Cannot run the job: the gateway is leaving.", { retryAfterS }));
    },
    abort() {
      leaving = true;
      dispatcher.abort(new WaggleError("unavailable", "The job was aborted: the gateway is leaving."));
      if (loading.value.type === "loading") loading.set({ type: "failed", message: "The gateway is leaving." });
    },
    close() {
      link.close();
      dispatcher.stop();
    },
  };
}
