// Takes over jobs that another gateway accepted. A waiting job joins this gateway's queue. For a job in the fleet's queue, this gateway
// reads all of the job's records, so the client gets the same indexes, texts and call ids as before.
import type { FoundRecord, GatewayProcessId, GatewaySide, JobRecord } from "@waggle/fleet";
import type { Job, JobFinder, JobSpec } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { JobNames } from "./job-names.ts";
import type { SessionClaims } from "./session-claims.ts";

/** An attempt fails when another gateway takes over the same job at the same time. */
const mostAttempts = 3;

export interface TakeoverOptions {
  readonly side: Pick<GatewaySide, "records" | "now">;
  readonly gateway: GatewayProcessId;
  readonly known: (client: string, id: string) => Job | undefined;
  readonly models: {
    /** @throws WaggleError unavailable, resource_exhausted */
    requireTakeoverPossible(record: JobRecord): void;
    /** Passes the job to the dispatcher of its model. @throws WaggleError unavailable */
    takeOver(record: JobRecord): Job;
  };
  readonly names: Pick<JobNames, "takeOver">;
  readonly claims: Pick<SessionClaims, "cancelElsewhere">;
  readonly log: Logger;
}

export interface Takeover extends JobFinder {
  /** Undefined if another gateway was faster, or if this gateway has a job with this id. @throws WaggleError unavailable, resource_exhausted */
  takeOver(found: FoundRecord): Promise<Job | undefined>;
}

export function createTakeover({ side, gateway, known, models, names, claims, log }: TakeoverOptions): Takeover {
  const finding = new Map<string, Promise<Job | undefined>>();

  async function takeOver({ record: before, revision: read }: FoundRecord): Promise<Job | undefined> {
    models.requireTakeoverPossible(before);
    const record = { ...before, gateway };
    const revision = await side.records.update(record, read);
    if (revision === undefined) return undefined;
    if (known(before.spec.who.client, before.id) !== undefined) {
      // Meanwhile this gateway has accepted a request with this id before it could look for a record. The job stays with its gateway.
      await side.records.update(before, revision);
      return undefined;
    }
    names.takeOver({ record, revision });
    const job = models.takeOver({ ...record, spec: withSpentTime(record) });
    log.info(
      { job: job.id, gateway: before.gateway, waits: before.waits, trace: before.spec.who.trace },
      "job_taken_over",
    );
    return job;
  }

  /** The deadline counts from the acceptance at the first gateway. */
  function withSpentTime({ spec, acceptedAt }: JobRecord): JobSpec {
    const now = side.now();
    if (acceptedAt === undefined || now === undefined) return spec;
    return { ...spec, when: { ...spec.when, spentMs: now - acceptedAt } };
  }

  async function take(client: string, id: string, isSame: (record: JobRecord) => boolean): Promise<Job | undefined> {
    for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
      const here = known(client, id);
      if (here !== undefined) return here;
      const found = await side.records.get(client, id);
      if (found === undefined || !isSame(found.record)) return undefined;
      // The job belongs to this gateway, which may already have forgotten it.
      if (found.record.gateway === gateway) return known(client, id);
      // A job with several choices cannot be taken over: the order of tokens between choices is not recorded.
      if (!found.record.waits && found.record.fleetIds.length > 1) return undefined;
      const job = await takeOver(found);
      if (job !== undefined) return job;
    }
    throw new WaggleError("unavailable", `Cannot open job "${id}" now: other gateways are taking it over.`, {
      retryAfterS: 1,
    });
  }

  async function find(client: string, id: string, isSame: (record: JobRecord) => boolean): Promise<Job | undefined> {
    const key = `${client}\n${id}`;
    for (;;) {
      const found = known(client, id);
      if (found !== undefined) return found;
      // Concurrent calls for the same job share one takeover. Each wait ends with a takeover, which has `mostAttempts`.
      const asked = finding.get(key);
      if (asked === undefined) break;
      await asked.catch(() => {});
    }
    const taking = take(client, id, isSame).finally(() => finding.delete(key));
    finding.set(key, taking);
    return await taking;
  }

  return {
    takeOver,
    cancelSession: claims.cancelElsewhere,
    find: async (client, id) => await find(client, id, () => true),
    async join(client, id, digest) {
      const job = await find(client, id, ({ spec }) => spec.who.requestDigest === digest);
      return job?.spec.who.requestDigest === digest ? job : undefined;
    },
  };
}
