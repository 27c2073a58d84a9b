// Finds workers that can continue a leaving worker's jobs. Reads the bucket of members once, on demand: if every worker watched all
// others, messages would grow with the square of the fleet's size.
import { keys } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { memberIntervalMs } from "./heartbeats.ts";
import { decodeOwn, type FleetModelFile, type Member } from "../queue/records.ts";

/** A worker is gone if its heartbeat is this much older than the asking worker's heartbeat. */
const freshForMs = memberIntervalMs + 2_500;

/** Names of the models that another worker can continue. */
export interface Siblings {
  /** The other worker takes jobs for the model, with the same model file. */
  readonly models: ReadonlySet<string>;
  /** It also reads pictures in the same way. */
  readonly withSameProjector: ReadonlySet<string>;
}

/**
 * @param self id of the asking worker, which has just written its heartbeat. The ages of other heartbeats are computed from that heartbeat's time at
 * the broker
 * @param files the files of this worker's models, by model name
 * @throws WaggleError unavailable
 */
export async function modelsOfSiblings(
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
  const models = new Set<string>();
  const withSameProjector = new Set<string>();
  for (const [name, file] of files) {
    for (const model of others.flatMap(({ member }) => serving(member, name, file))) {
      models.add(name);
      if (model.vision === file.vision) withSameProjector.add(name);
    }
  }
  return { models, withSameProjector };
}

/** The worker's entries for the model, if the worker takes jobs for it with the same file. */
function serving(
  member: Member,
  name: string,
  { modelSha256, templateSha256 }: FleetModelFile,
): readonly FleetModelFile[] {
  if (member.kind !== "worker" || !member.takesJobs || modelSha256 === null) return [];
  return member.models.filter(
    (model) =>
      model.name === name &&
      model.ready &&
      model.modelSha256 === modelSha256 &&
      model.templateSha256 === templateSha256,
  );
}
