// Owns how a job is found that another gateway has accepted: it becomes ours, told again from its first record on, so that its indexes, texts
// and the ids of its calls are what its client has heard before.
import type { GatewaySide } from "@waggle/fleet";
import type { Job, JobFinder, JobSpec } from "@waggle/jobs";
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
  /** Gives it to the dispatcher of its model. @throws WaggleError unavailable where nobody knows the model */
  readonly adopt: (spec: JobSpec, callKey: string, fleetIds: readonly string[]) => Job;
  readonly names: Pick<JobNames, "adopt">;
  readonly claims: Pick<SessionClaims, "cancelElsewhere">;
  readonly log: Logger;
}

export function createAdoption({ side, gateway, known, adopt, names, claims, log }: AdoptionOptions): JobFinder {
  const finding = new Map<string, Promise<Job | undefined>>();

  async function take(client: string, id: string): Promise<Job | undefined> {
    for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
      const found = await side.records.get(client, id);
      if (found === undefined) return undefined;
      const { record, revision } = found;
      // Ours, and forgotten here by now.
      if (record.gateway === gateway) return undefined;
      if (await side.records.adopt({ ...record, gateway }, revision)) {
        const job = adopt({ ...record.spec, id }, record.callKey, record.fleetIds);
        names.adopt(job, record.fleetIds);
        log.info({ job: id, gateway: record.gateway, trace: record.scope.trace }, "job_adopted");
        return job;
      }
    }
    throw new WaggleError("unavailable", `Cannot find job "${id}": other gateways take it over.`, { retryAfterS: 1 });
  }

  return {
    cancelSession: claims.cancelElsewhere,
    find(client, id) {
      const key = `${client}\n${id}`;
      const found = known(client, id);
      if (found !== undefined) return Promise.resolve(found);
      // Whoever asks for the same one meanwhile gets the same job.
      const asked = finding.get(key) ?? take(client, id).finally(() => finding.delete(key));
      finding.set(key, asked);
      return asked;
    },
  };
}
