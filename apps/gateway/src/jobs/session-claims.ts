// Owns that a session has one live job in the whole fleet: who accepts one claims the session in the bucket, and the job of another gateway is
// over, or has had its time, before this one runs. Among the jobs of one gateway its dispatchers keep that order.
import type { Clock } from "@waggle/async";
import type { EndedBy, GatewaySide, SessionRecord } from "@waggle/fleet";
import { hasEnded } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";

/** How long another gateway may take to end its job. */
const endTimeoutMs = 1_500;
/** Until a claim is tried again that could not be written, and for how long; while NATS is away the job's own hope for it is longer. */
const retryMs = 500;
const claimLimitMs = 10_000;

export interface SessionClaims {
  /** The job has been accepted. */
  begin(job: Job): void;
  /** Resolves when nobody else runs a job of its session; undefined for a job that has none. Rejects with a WaggleError unavailable. */
  cleared(job: Job): Promise<void> | undefined;
  /** Cancels the session's job of another gateway; its id when that is over, or has had its time. @throws WaggleError unavailable */
  cancelElsewhere(client: string, sessionId: string): Promise<string | undefined>;
}

export interface SessionClaimsOptions {
  readonly side: Pick<GatewaySide, "connected" | "sessions" | "end" | "isAlive" | "records" | "cancel">;
  readonly gateway: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createSessionClaims({ side, gateway, clock, log }: SessionClaimsOptions): SessionClaims {
  const claims = new WeakMap<Job, Promise<void>>();
  /** The last claim of each session that is under way. */
  const turns = new Map<string, Promise<void>>();

  async function claim(job: Job, client: string, sessionId: string): Promise<void> {
    const record: SessionRecord = { gateway, jobId: job.id };
    for (let leftMs = claimLimitMs; !hasEnded(job);) {
      try {
        const before = await side.sessions.claim(client, sessionId, record);
        void job.ended.promise.then(() => side.sessions.release(client, sessionId, record));
        if (before !== undefined && before.gateway !== gateway) await end(before, client, "superseded");
        return;
      } catch (error) {
        if (leftMs <= 0) throw WaggleError.from(error);
        if (side.connected) leftMs -= retryMs;
        log.debug({ job: job.id, code: WaggleError.from(error).code }, "fleet_session_unclaimed");
        await new Promise<void>((resolve) => clock.setTimeout(resolve, retryMs));
      }
    }
  }

  /** A gateway that is gone, which nobody knows in its first seconds, has left its job to the workers. */
  async function end(before: SessionRecord, client: string, by: EndedBy): Promise<void> {
    const { gateway: other } = before;
    if (side.isAlive("gateway", other) && (await side.end(before, client, { by, timeoutMs: endTimeoutMs }))) return;
    const found = await side.records.get(client, before.jobId).catch(() => undefined);
    await Promise.all((found?.record.fleetIds ?? []).map((id) => side.cancel(id).catch(() => {})));
  }

  return {
    begin(job) {
      const { client, sessionId } = job.spec.scope;
      if (sessionId === undefined) return;
      const key = `${client} ${sessionId}`;
      const before = turns.get(key);
      // An older job's claim that came last would take the session from the newer one, and its release leave it to nobody.
      const claimed =
        before === undefined ? claim(job, client, sessionId) : before.then(() => claim(job, client, sessionId));
      claims.set(job, claimed);
      // Whoever hands the job over hears of a failure.
      const settled = claimed.catch(() => {});
      turns.set(key, settled);
      void settled.then(() => {
        if (turns.get(key) === settled) turns.delete(key);
      });
    },
    cleared: (job) => claims.get(job),
    async cancelElsewhere(client, sessionId) {
      const found = await side.sessions.get(client, sessionId);
      if (found === undefined || found.gateway === gateway) return undefined;
      await end(found, client, "client");
      return found.jobId;
    },
  };
}
