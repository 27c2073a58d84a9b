// Owns which job of ours has which names in the fleet, and what other gateways are told of it: so that one of them can go on with it, and that
// nothing of it stays behind.
import { fleetVersion } from "@waggle/fleet";
import type { GatewaySide } from "@waggle/fleet";
import type { GenerateSpec, Job } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";

export interface JobNames {
  /** A sequence of it goes to the fleet under this name. */
  add(job: Job, fleetId: string): void;
  /** Another gateway's job is ours now, and its record says so. */
  adopt(job: Job, fleetIds: readonly string[]): void;
  /** Another gateway has taken it over. */
  isLeft(job: Job): Promise<boolean>;
  /** Nobody can read it here any more. */
  forget(job: Job): void;
}

export interface JobNamesOptions {
  readonly side: Pick<GatewaySide, "records" | "forget">;
  readonly gateway: string;
  readonly log: Logger;
}

export function createJobNames({ side, gateway, log }: JobNamesOptions): JobNames {
  const names = new Map<Job, { readonly ids: string[]; recorded: boolean }>();

  function known(job: Job): { readonly ids: string[]; recorded: boolean } {
    const found = names.get(job) ?? { ids: [], recorded: false };
    names.set(job, found);
    return found;
  }

  /** With several choices, in which order their tokens came nobody could tell again. */
  async function record(job: Job, fleetId: string): Promise<void> {
    const { id, spec, callKey } = job;
    if (spec.kind !== "generate" || spec.choices > 1) return;
    const { scope } = spec;
    const told = recordedSpec(spec);
    try {
      await side.records.put({ version: fleetVersion, id, gateway, scope, spec: told, callKey, fleetIds: [fleetId] });
    } catch (error) {
      log.warn({ job: id, code: WaggleError.from(error).code }, "fleet_job_unrecorded");
    }
  }

  return {
    add(job, fleetId) {
      const found = known(job);
      if (!found.ids.includes(fleetId)) found.ids.push(fleetId);
      if (found.recorded) return;
      found.recorded = true;
      void record(job, fleetId);
    },
    adopt(job, fleetIds) {
      names.set(job, { ids: [...fleetIds], recorded: true });
    },
    async isLeft(job) {
      const { client } = job.spec.scope;
      const found = await side.records.get(client, job.id).catch(() => undefined);
      return found !== undefined && found.record.gateway !== gateway;
    },
    forget(job) {
      const found = names.get(job);
      if (found === undefined) return;
      names.delete(job);
      void forgetInFleet(job, found.ids);
    },
  };

  /** What another gateway has taken over is its own to forget. */
  async function forgetInFleet(job: Job, ids: readonly string[]): Promise<void> {
    const { client } = job.spec.scope;
    const found = await side.records.get(client, job.id).catch(() => undefined);
    if (found !== undefined && found.record.gateway !== gateway) return;
    await Promise.all(ids.map((id) => side.forget(id)));
    // A record that stays is forgotten by its age.
    if (found !== undefined) await side.records.remove(client, job.id).catch(() => {});
  }
}

/** What its stream, its message and its receipt come from: all but what it was asked. */
function recordedSpec(spec: GenerateSpec): GenerateSpec {
  const isConversation = spec.prompt.kind === "messages";
  const prompt = isConversation ? ({ kind: "messages", messages: [] } as const) : ({ kind: "text", text: "" } as const);
  return { ...spec, prompt, stop: [], said: undefined };
}
