// Implements the gateway's side of the fleet: it publishes jobs, subscribes to records and asks workers questions.
import type { TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { errorReason } from "@waggle/daemon/terminal";
import { waitForLast } from "../nats/publish.ts";
import { createBeats } from "../members/beats.ts";
import { cancelJob, onCancels } from "../queue/cancels.ts";
import { subscribeAlways, type MemberContext } from "../nats/connection.ts";
import { createEventFeed } from "../events/event-feed.ts";
import type { GatewaySide } from "./gateway-port.ts";
import { publishJob } from "../queue/job-queue.ts";
import { createJobRecords, createSessions } from "../nats/keyed-records.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { createMembers } from "../members/members.ts";
import { eventsStream, subjects } from "../nats/names.ts";
import { readStoreUse } from "../nats/store-use.ts";
import { attempt, natsRetryAfterS } from "../nats/nats-errors.ts";
import { answerWith, ask } from "../members/questions.ts";
import { createPictureStore } from "../pictures/picture-store.ts";
import { createRescue } from "../queue/rescue.ts";
import type { EndedBy, GatewayAnswer, GatewayQuestion, WorkerAnswer } from "../queue/records.ts";

/**
 * Most workers that may answer one question with `not_loaded`. A worker unsubscribes before it gives this answer, so a question gets
 * the answer several times only if several workers unload the model at the same moment.
 */
const mostUnloaded = 8;
/** Interval of the check for silent workers. */
const rescueIntervalMs = 1_000;

interface GatewaySideOptions extends MemberContext {
  readonly id: GatewayProcessId;
  /** Share of the fleet's store of pictures that one client may fill through this gateway; 1 by default. */
  readonly clientShare?: number;
}

export function createGatewaySide({ connection, id, clock, log, clientShare = 1 }: GatewaySideOptions): GatewaySide {
  const feed = createEventFeed(connection, id, clock, log);
  const beats = createBeats(connection, { kind: "gateway", id }, clock);
  const members = createMembers(connection, { clock, log });
  const rescueJobs = createRescue({ connection, beats, models: modelsOfFleet, clock, log });
  let rescuing: TimerHandle | undefined;
  let end: ((client: string, jobId: string, by: EndedBy) => Promise<void>) | undefined;

  const forgetQuestions = subscribeAlways(connection, subjects.askGateway(id), (message) => {
    void answerWith<GatewayQuestion, GatewayAnswer>(message, async ({ client, jobId, by }) => {
      await end?.(client, jobId, by);
      return { kind: "ended" };
    });
  });

  function modelsOfFleet(): Iterable<string> {
    const workers = members.list().filter((member) => member.kind === "worker");
    return new Set(workers.flatMap(({ models }) => models.map(({ name }) => name)));
  }

  function checkWorkers(): void {
    rescuing = clock.setTimeout(checkWorkers, rescueIntervalMs);
    if (connection.connected) void rescueJobs();
  }
  checkWorkers();

  return {
    id,
    get connected() {
      return connection.connected;
    },
    onConnection: (listener) => connection.onChange((connected) => listener(connected !== undefined)),
    members: members.list,
    onMembers: members.onChange,
    isAlive: beats.isAlive,
    silentGateways: beats.silentGateways,
    async publish(job, at) {
      const connected = connection.use();
      // Without a subscription no one would receive the job's records.
      await attempt("put the job into the fleet's queue", feed.listening);
      await publishJob(connected, job, at);
    },
    subscribe: feed.subscribe,
    subscribeFromStart: async (jobId, listener) =>
      await attempt("read the job's stream", async () => await feed.subscribeFromStart(jobId, listener)),
    cancel: async (jobId) => await attempt("cancel the job", async () => await cancelJob(connection.use(), jobId)),
    onCancel: (listener) => onCancels(connection, listener),
    async forget(jobId) {
      try {
        // Keep the last record: if an acknowledgement was lost, NATS delivers the job again, and the next worker must see that the job has ended.
        await connection.use().jsm.streams.purge(eventsStream, { filter: subjects.eventsOfJob(jobId), keep: 1 });
      } catch (error) {
        // NATS deletes the records anyway when they are two minutes old.
        log.debug({ reason: errorReason(error), job: jobId }, "fleet_purge_failed");
      }
    },
    storeUse: async () =>
      await attempt("read how full the fleet's stores are", async () => await readStoreUse(connection.use().jsm)),
    pictures: createPictureStore({ connection, clock, log, clientShare }),
    async ask(question, { timeoutMs, worker, readsPictures }) {
      const subject = worker === undefined ? subjects.ask(question.model, readsPictures) : subjects.askWorker(worker);
      const until = clock.now() + timeoutMs;
      for (let asked = 0; asked < mostUnloaded; asked += 1) {
        const leftMs = Math.max(1, until - clock.now());
        const answer = await ask<WorkerAnswer>(connection.use(), subject, question, leftMs);
        if (answer !== undefined && answer.kind !== "not_loaded") return answer as never;
        if (answer === undefined || worker !== undefined) break;
      }
      throw new WaggleError("unavailable", "Cannot ask the model: no worker has it loaded.", {
        retryAfterS: natsRetryAfterS,
      });
    },
    sessions: createSessions(connection),
    async end({ gateway, jobId }, client, { by, timeoutMs }) {
      const question: GatewayQuestion = { kind: "end", client, jobId, by };
      try {
        return (
          (await ask<GatewayAnswer>(connection.use(), subjects.askGateway(gateway), question, timeoutMs)) !== undefined
        );
      } catch {
        // The gateway is gone, or did not end the job in time. In both cases the session continues with the new job.
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
      await Promise.all([waitForLast(feed.close()), members.close()]);
      beats.close();
    },
  };
}
