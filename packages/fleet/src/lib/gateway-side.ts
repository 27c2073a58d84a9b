// Owns a gateway's part in the fleet: what it publishes, hears and asks.
import type { Clock, TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { createBeats } from "./beats.ts";
import { cancelJob, onCancels } from "./cancels.ts";
import type { FleetConnection } from "./connection.ts";
import { createEventFeed } from "./event-feed.ts";
import type { GatewaySide } from "./gateway-port.ts";
import { goodbye } from "./goodbye.ts";
import { publishJob } from "./job-queue.ts";
import { createJobRecords, createSessions } from "./keyed-records.ts";
import { createMembers } from "./members.ts";
import { eventsStream, subjects } from "./names.ts";
import { unavailable } from "./nats-errors.ts";
import { answerWith, ask } from "./questions.ts";
import { createRescue } from "./rescue.ts";
import type { EndedBy, GatewayAnswer, GatewayMember, GatewayQuestion, WorkerAnswer } from "./records.ts";

/**
 * Workers that one question may come to after they have unloaded the model. Each has left the subject before it says so, so a question
 * comes to all of them only where more than that unload the model at the same moment.
 */
const mostUnloaded = 8;
const retryAfterS = 2;
/** How often workers are looked for that have fallen silent. */
const rescueIntervalMs = 1_000;

export interface GatewaySideOptions {
  readonly connection: FleetConnection;
  /** No other process has it, not even one before. */
  readonly id: string;
  /** What the others are told of us, asked for each time. */
  readonly self: () => GatewayMember;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createGatewaySide({ connection, id, self, clock, log }: GatewaySideOptions): GatewaySide {
  const feed = createEventFeed(connection, id, clock, log);
  const beats = createBeats(connection, { kind: "gateway", id }, clock);
  const members = createMembers(connection, { self, clock, log });
  const rescue = createRescue({ connection, beats, models: modelsOfFleet, clock, log });
  let rescuing: TimerHandle | undefined;
  let end: ((client: string, jobId: string, by: EndedBy) => Promise<void>) | undefined;

  const forgetQuestions = connection.onChange((connected, first) => {
    if (connected === undefined || !first) return;
    connected.nc.subscribe(subjects.askGateway(id), {
      callback(error, message) {
        if (error !== null) return;
        answerWith<GatewayQuestion, GatewayAnswer>(message, async ({ client, jobId, by }) => {
          await end?.(client, jobId, by);
          return { kind: "ended" };
        });
      },
    });
  });

  function modelsOfFleet(): Iterable<string> {
    const workers = members.list().filter((member) => member.kind === "worker");
    return new Set(workers.flatMap(({ models }) => models.map(({ name }) => name)));
  }

  function lookForLost(): void {
    rescuing = clock.setTimeout(lookForLost, rescueIntervalMs);
    if (connection.connected) void rescue.look();
  }
  lookForLost();

  return {
    id,
    get connected() {
      return connection.connected;
    },
    onConnection: (listener) => connection.onChange((connected) => listener(connected !== undefined)),
    members: members.list,
    onMembers: members.onChange,
    isAlive: beats.isAlive,
    silentGateways: () => beats.silent("gateway"),
    async publish(job, at) {
      const connected = connection.use();
      // What nobody would hear is not asked for.
      await feed.listening().catch((error: unknown) => {
        throw unavailable("put the job into the fleet's queue", error);
      });
      await publishJob(connected, job, at);
    },
    follow: feed.follow,
    async followFromStart(jobId, follower) {
      try {
        return await feed.followFromStart(jobId, follower);
      } catch (error) {
        throw unavailable("read the job's stream", error);
      }
    },
    async cancel(jobId) {
      try {
        await cancelJob(connection.use(), jobId);
      } catch (error) {
        throw unavailable("cancel the job", error);
      }
    },
    onCancel: (listener) => onCancels(connection, listener),
    async forget(jobId) {
      try {
        // The last one stays: a worker whose word that the job is done was lost gets the job once more, and has to find that it has ended.
        await connection.use().jsm.streams.purge(eventsStream, { filter: subjects.eventsOfJob(jobId), keep: 1 });
      } catch (error) {
        // In two minutes they are gone anyway.
        log.debug({ err: error, job: jobId }, "fleet_events_stay");
      }
    },
    async ask(question, { timeoutMs, worker }) {
      const subject = worker === undefined ? subjects.ask(question.model) : subjects.askWorker(worker);
      const until = clock.now() + timeoutMs;
      for (let asked = 0; asked < mostUnloaded; asked += 1) {
        const leftMs = Math.max(1, until - clock.now());
        const answer = await ask<WorkerAnswer>(connection.use(), subject, question, leftMs);
        if (answer !== undefined && answer.kind !== "not_loaded") return answer as never;
        if (answer === undefined || worker !== undefined) break;
      }
      throw new WaggleError("unavailable", "Cannot ask the model: no worker has it loaded.", { retryAfterS });
    },
    sessions: createSessions(connection),
    async end({ gateway, jobId }, client, { by, timeoutMs }) {
      const question: GatewayQuestion = { kind: "end", client, jobId, by };
      try {
        return (
          (await ask<GatewayAnswer>(connection.use(), subjects.askGateway(gateway), question, timeoutMs)) !== undefined
        );
      } catch {
        // It is gone, or slow to end it: the session goes on either way.
        return false;
      }
    },
    onEnd(handler) {
      end = handler;
    },
    records: createJobRecords(connection),
    report: members.report,
    async close() {
      forgetQuestions();
      rescuing?.cancel();
      await Promise.all([goodbye(feed.close()), members.close()]);
      beats.close();
    },
  };
}
