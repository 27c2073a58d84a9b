// Owns the adoption of a job that another gateway accepted. A waiting job joins this gateway's queue. For a job in the fleet's queue this gateway
// reads the job's records from the first one, so the client gets the same indexes, texts and call ids as before.
import type { FoundRecord, GatewaySide, JobRecord } from "@waggle/fleet";
import type { Job, JobFinder } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { JobNames } from "./job-names.ts";
import type { SessionClaims } from "./session-claims.ts";

/** Others may adopt the same job at the same time. */
const mostAttempts = 3;

export interface AdoptionOptions {
  readonly side: Pick<GatewaySide, "records">;
  readonly gateway: string;
  readonly known: (client: string, id: string) => Job | undefined;
  readonly models: {
    /** @throws WaggleError unavailable, resource_exhausted */
    requireAdoptable(record: JobRecord): void;
    /** Gives it to the dispatcher of its model. @throws WaggleError unavailable */
    adopt(record: JobRecord): Job;
  };
  readonly names: Pick<JobNames, "adopt">;
  readonly claims: Pick<SessionClaims, "cancelElsewhere">;
  readonly log: Logger;
}

export interface Adoption extends JobFinder {
  /** Undefined where another gateway was faster. @throws WaggleError unavailable, resource_exhausted */
  adopt(found: FoundRecord): Promise<Job | undefined>;
}

export function createAdoption({ side, gateway, known, models, names, claims, log }: AdoptionOptions): Adoption {
  const finding = new Map<string, Promise<Job | undefined>>();

  async function adopt({ record: before, revision: read }: FoundRecord): Promise<Job | undefined> {
    models.requireAdoptable(before);
    const record = { ...before, gateway };
    const revision = await side.records.update(record, read);
    if (revision === undefined) return undefined;
    names.adopt({ record, revision });
    const job = models.adopt(record);
    log.info({ job: job.id, gateway: before.gateway, waits: before.waits, trace: before.scope.trace }, "job_adopted");
    return job;
  }

  async function take(client: string, id: string, isWanted: (record: JobRecord) => boolean): Promise<Job | undefined> {
    for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
      const found = await side.records.get(client, id);
      if (found === undefined || !isWanted(found.record)) return undefined;
      // Ours, and forgotten here by now.
      if (found.record.gateway === gateway) return known(client, id);
      // The order in which tokens of several choices came is not recorded.
      if (!found.record.waits && found.record.fleetIds.length > 1) return undefined;
      const job = await adopt(found);
      if (job !== undefined) return job;
    }
    throw new WaggleError("unavailable", `Cannot find job "${id}": other gateways take it over.`, { retryAfterS: 1 });
  }

  async function find(client: string, id: string, isWanted: (record: JobRecord) => boolean): Promise<Job | undefined> {
    const key = `${client}\n${id}`;
    for (;;) {
      const found = known(client, id);
      if (found !== undefined) return found;
      // Whoever asks for the same one meanwhile gets the same job.
      const asked = finding.get(key);
      if (asked === undefined) break;
      await asked.catch(() => {});
    }
    const taking = take(client, id, isWanted).finally(() => finding.delete(key));
    finding.set(key, taking);
    return await taking;
  }

  return {
    adopt,
    cancelSession: claims.cancelElsewhere,
    find: async (client, id) => await find(client, id, () => true),
    async join(client, id, digest) {
      const job = await find(client, id, ({ scope }) => scope.requestDigest === digest);
      return job?.spec.scope.requestDigest === digest ? job : undefined;
    },
  };
}
