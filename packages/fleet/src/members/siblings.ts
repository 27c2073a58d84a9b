// Finds workers that can continue a leaving worker's jobs. Reads the bucket of members once, on demand: if every worker watched all
// others, messages would grow with the square of the fleet's size.
import { keys } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { memberIntervalMs } from "./heartbeats.ts";
import { decodeOwn, type FleetJob, type FleetModelFile, type Member } from "../queue/records.ts";

/** A worker is gone if its heartbeat is this much older than the asking worker's heartbeat. */
const freshForMs = memberIntervalMs + 2_500;

export interface Siblings {
  /** Whether another worker takes jobs like this one, with the same model file, and reads pictures in the same way. */
  canContinue(job: FleetJob): boolean;
}

/**
 * @param self id of the asking worker, which has just written its heartbeat. The ages of other heartbeats are computed from that heartbeat's time at
 * the broker
 * @param files the files of this worker's models, by model name
 * @throws WaggleError unavailable
 */
export async function siblingsOf(
  { records }: Broker,
  self: string,
  files: ReadonlyMap<string, FleetModelFile>,
): Promise<Siblings> {
  const found = new Map<string, { readonly member: Member; readonly ms: number }>();
  for (const { key, value, at } of await records.members.list()) {
    const member = decodeOwn<Member>(value);
    if (member !== undefined) found.set(key, { member, ms: at });
  }
  const own = found.get(keys.member("worker", self));
  const others = [...found.values()].filter(
    ({ member, ms }) => own && member !== own.member && own.ms - ms <= freshForMs,
  );
  return {
    canContinue(job) {
      const file = files.get(job.model);
      return file !== undefined && others.some(({ member }) => serves(member, file, job));
    },
  };
}

function serves(member: Member, file: FleetModelFile, job: FleetJob): boolean {
  const { modelSha256, templateSha256, vision } = file;
  if (member.kind !== "worker" || !member.takesJobs || modelSha256 === null) return false;
  return member.models.some(
    (model) =>
      model.name === job.model &&
      model.ready &&
      model.modelSha256 === modelSha256 &&
      model.templateSha256 === templateSha256 &&
      (job.pictures === undefined || model.vision === vision),
  );
}
