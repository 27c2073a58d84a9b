// Finds workers that can continue a leaving worker's jobs. Reads the bucket of members once, on demand: if every worker watched all
// others, messages would grow with the square of the fleet's size.
import type { Connected } from "../nats/connection.ts";
import { memberIntervalMs } from "./heartbeats.ts";
import { keys } from "../nats/names.ts";
import { decodeOwn, type FleetModelFile, type Member } from "../queue/records.ts";

/** Time limit for reading all heartbeats. */
const readTimeoutMs = 500;
/** A worker is gone if its heartbeat is this much older than the asking worker's heartbeat. */
const freshForMs = memberIntervalMs + 2_500;

/**
 * @param self id of the asking worker, which has just written its heartbeat. The ages of other heartbeats are computed from that heartbeat's time on NATS
 * @param files the files of this worker's models, by model name
 * @returns the names of the models for which another worker takes jobs, with the same model file. @throws Error when NATS does not answer
 */
export async function modelsOfSiblings(
  { buckets }: Connected,
  self: string,
  files: ReadonlyMap<string, FleetModelFile>,
): Promise<ReadonlySet<string>> {
  const found = new Map<string, { readonly member: Member; readonly ms: number }>();
  const entries = await buckets.members.watch();
  const timer = setTimeout(() => entries.stop(), readTimeoutMs);
  try {
    for await (const { key, operation, value, created, delta } of entries) {
      const member = operation === "PUT" ? decodeOwn<Member>(value) : undefined;
      if (member !== undefined) found.set(key, { member, ms: created.getTime() });
      if (delta === 0) break;
    }
  } finally {
    clearTimeout(timer);
    entries.stop();
  }
  const own = found.get(keys.member("worker", self));
  if (own === undefined) return new Set();
  const others = [...found.values()].filter(({ member, ms }) => member !== own.member && own.ms - ms <= freshForMs);
  return new Set(
    [...files].filter(([name, file]) => others.some(({ member }) => serves(member, name, file))).map(([name]) => name),
  );
}

function serves(member: Member, name: string, { modelSha256, templateSha256 }: FleetModelFile): boolean {
  if (member.kind !== "worker" || !member.takesJobs || modelSha256 === null) return false;
  return member.models.some(
    (model) =>
      model.name === name &&
      model.ready &&
      model.modelSha256 === modelSha256 &&
      model.templateSha256 === templateSha256,
  );
}
