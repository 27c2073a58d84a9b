// Owns one model of a gateway: its dispatcher, queue and jobs, over the fleet's workers. Knows no HTTP and no other model.
import { abilitiesOf } from "@waggle/fleet";
import { createJobHost } from "@waggle/jobs";
import type { Fingerprints, Job, JobHost, JobHostOptions } from "@waggle/jobs";
import type { SessionClaims } from "../jobs/session-claims.ts";
import { createFleetLink } from "../link/fleet-link.ts";
import type { FleetLink, FleetLinkOptions } from "../link/fleet-link.ts";
import { createOutage } from "../link/outage.ts";
import type { FleetModel } from "./catalogue.ts";

export interface FleetHost extends Pick<JobHost, "dispatcher" | "registry" | "loading" | "refuse" | "close"> {
  readonly name: string;
  readonly link: FleetLink;
  /** Called after a change of the model's workers or the connection. */
  changed(): void;
  /** Ends all jobs, here and in the fleet. Never rejects. @param leaves whether another gateway continues the job */
  abort(leaves: (job: Job) => boolean): Promise<void>;
}

export interface FleetHostOptions
  extends
    Omit<FleetLinkOptions, "model" | "serving" | "contextSize" | "outage" | "pictureOutage" | "sessionFree">,
    Pick<
      JobHostOptions,
      "key" | "registry" | "queueCapacity" | "clientQueueShare" | "limits" | "observers" | "metrics"
    > {
  readonly name: string;
  readonly model: () => FleetModel | undefined;
  readonly claims: SessionClaims;
}

export function createFleetHost(options: FleetHostOptions): FleetHost {
  const { name, side, metrics, clock, claims, names } = options;
  metrics.ofModel(name).begin();
  let leaving = false;
  const ready = (): FleetModel["ready"] => options.model()?.ready ?? [];
  const connected = (): boolean => side.connected;
  const link = createFleetLink(
    {
      ...options,
      model: name,
      serving: () =>
        ready().map(({ member, model }) => ({
          worker: member.id,
          slots: model.slots,
          abilities: abilitiesOf(model),
        })),
      contextSize: () => options.model()?.description?.engine?.contextSize,
      outage: createOutage({ clock, model: name, connected, served: () => ready().length > 0 }),
      pictureOutage: createOutage({
        clock,
        model: `${name} with a projector`,
        connected,
        served: () => ready().some(({ model }) => model.vision !== null),
      }),
      sessionFree: claims.sessionFree,
    },
    {
      onCancelledElsewhere: (job, by) => dispatcher.cancel(job, by),
      onUnreachable: (error) => dispatcher.refuse(error),
      onReachable() {
        if (!leaving) dispatcher.accept();
      },
    },
  );
  const jobs = createJobHost({
    ...options,
    server: "gateway",
    executor: link,
    model: () => name,
    fingerprints,
    onAdded(job) {
      names.add(job);
      if (job.takenOver === undefined) claims.begin(job);
    },
  });
  const { dispatcher, loading } = jobs;

  function fingerprints(job: Job): Fingerprints {
    const { modelSha256, modelFile, templateSha256 } = link.fileOf(job) ?? {};
    return {
      modelSha256: modelSha256 ?? undefined,
      modelFile: modelFile ?? undefined,
      templateSha256: templateSha256 ?? undefined,
    };
  }

  return {
    ...jobs,
    name,
    link,
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
      jobs.refuse();
    },
    async abort(leaves) {
      leaving = true;
      jobs.abort(leaves);
      await link.cancelAll();
    },
    close() {
      link.close();
      jobs.close();
    },
  };
}
