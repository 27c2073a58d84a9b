// Ensures that a session has one live job in the whole fleet: the one that was accepted last. A gateway that accepts a job claims the session in the
// bucket, then waits until the session's job at another gateway has ended, or a time limit has passed. Within one gateway, the dispatchers ensure that a session has one live job.
import { inBackground } from "@waggle/async";
import type { Clock } from "@waggle/async";
import type { GatewayProcessId, GatewaySide, SessionRecord } from "@waggle/fleet";
import { hasEnded } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import { WaggleError, type CancelledBy } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";

/** How long another gateway may take to end its job. */
const endTimeoutMs = 1_500;
/**
 * Interval and time limit of the attempts to write a claim. The limit does not count the time without NATS, which `Outage` limits. A connection that
 * is dead but still open counts: it must not end a job sooner than a connection that is lost.
 */
const retryMs = 500;
const claimLimitMs = 30_000;

export interface SessionClaims {
  /** Claims the session of an accepted job. */
  begin(job: Job): void;
  /** Resolves when no other gateway runs a job of the session; undefined for a job without a session. Rejects with a WaggleError unavailable. */
  sessionFree(job: Job): Promise<void> | undefined;
  /**
   * Cancels the session's job at another gateway. Resolves with the job's id when the job has ended or a time limit has passed.
   * @throws WaggleError unavailable
   */
  cancelElsewhere(client: string, sessionId: string): Promise<string | undefined>;
}

export interface SessionClaimsOptions {
  readonly side: Pick<GatewaySide, "connected" | "now" | "sessions" | "end" | "isAlive" | "records" | "cancel">;
  readonly gateway: GatewayProcessId;
  /** Called for a job whose session has a newer job at another gateway. */
  readonly supersede: (job: Job) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createSessionClaims({ side, gateway, supersede, clock, log }: SessionClaimsOptions): SessionClaims {
  const claims = new WeakMap<Job, Promise<void>>();
  /** The last unfinished claim of each session. */
  const turns = new Map<string, Promise<void>>();

  async function claim(job: Job, sessionId: string, record: SessionRecord): Promise<void> {
    const { client } = job.spec.who;
    for (let failingMs = 0; !hasEnded(job);) {
      const begun = clock.now();
      try {
        const claimed = await side.sessions.claim(client, sessionId, record);
        if ("newer" in claimed) return supersede(job);
        const { before } = claimed;
        const released = job.ended.promise.then(() => side.sessions.release(client, sessionId, record));
        inBackground("release a session", released);
        if (before !== undefined && before.gateway !== gateway) await end(before, client, "superseded");
        return;
      } catch (error) {
        if (failingMs >= claimLimitMs) throw WaggleError.from(error);
        log.debug({ job: job.id, reason: WaggleError.from(error).message }, "fleet_claim_failed");
        await new Promise<void>((resolve) => clock.setTimeout(resolve, retryMs));
        if (side.connected) failingMs += clock.now() - begun;
      }
    }
  }

  /** Asks the other gateway to end the job. If that gateway is gone or does not answer, cancels the job at the workers. */
  async function end(before: SessionRecord, client: string, by: CancelledBy): Promise<void> {
    const { gateway: other } = before;
    if (side.isAlive("gateway", other) && (await side.end(before, client, { by, timeoutMs: endTimeoutMs }))) return;
    const found = await side.records.get(client, before.jobId).catch(() => undefined);
    await Promise.all((found?.record.fleetIds ?? []).map((id) => side.cancel(id, by).catch(() => {})));
  }

  return {
    begin(job) {
      const { client, sessionId } = job.spec.who;
      if (sessionId === undefined) return;
      const key = `${client} ${sessionId}`;
      const before = turns.get(key);
      const record: SessionRecord = { gateway, jobId: job.id, acceptedAt: side.now() };
      // Claim in order: jobs of one millisecond, or of a gateway that does not know the time, have no other order.
      const claimed =
        before === undefined ? claim(job, sessionId, record) : before.then(() => claim(job, sessionId, record));
      claims.set(job, claimed);
      // `sessionFree` reports a failure.
      const settled = claimed.catch(() => {});
      turns.set(key, settled);
      const forgotten = settled.then(() => {
        if (turns.get(key) === settled) turns.delete(key);
      });
      inBackground("forget a session's turn", forgotten);
    },
    sessionFree: (job) => claims.get(job),
    async cancelElsewhere(client, sessionId) {
      const found = await side.sessions.get(client, sessionId);
      if (found === undefined || found.gateway === gateway) return undefined;
      await end(found, client, "client");
      return found.jobId;
    },
  };
}
