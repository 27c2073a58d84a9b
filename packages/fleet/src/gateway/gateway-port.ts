// Owns the interface between a gateway and the fleet.
import type { CancelledBy } from "@waggle/protocol";
import type { PictureStore } from "../pictures/picture-store.ts";
import type { StoreUse } from "../broker/port.ts";
import type { PublishTo } from "../queue/job-queue.ts";
import type { RecordListener } from "../events/event-feed.ts";
import type { IsAlive } from "../members/beats.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import type {
  Ability,
  EndedBy,
  FleetJob,
  FoundRecord,
  GatewayMember,
  JobRecord,
  Member,
  SessionRecord,
  WorkerAnswer,
  WorkerQuestion,
} from "../queue/records.ts";

export type JobPlace = "queued" | "reserved" | "ended" | "lost";

export interface GatewaySide {
  readonly id: GatewayProcessId;
  /** Whether NATS can be reached now. */
  readonly connected: boolean;
  /** Calls back when `connected` changes. Returns the function that removes the listener. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Workers and gateways with a heartbeat, in the order of their ids. */
  members(): readonly Member[];
  onMembers(listener: () => void): () => void;
  /** A member in `members` may be dead already. */
  readonly isAlive: IsAlive;
  /** Gateways whose beats have stopped. */
  silentGateways(): readonly GatewayProcessId[];
  /** The broker's time, as far as it is known. Milliseconds since 1970; it may differ by half a round trip. */
  now(): number | undefined;

  /**
   * Puts a job into the queue; resolves when NATS has it on disk.
   * @throws WaggleError resource_exhausted when the queue is full, payload_too_large, unavailable
   */
  publish(job: FleetJob, to?: PublishTo): Promise<void>;
  /**
   * Where the job is. `queued`: in the common queue, waiting or with a worker. `reserved`: the same in the queue of one worker. `ended`: its last
   * record is its end, also before that record arrives here. `lost`: in no queue, and without an end.
   * @throws WaggleError unavailable
   */
  placeOf(job: FleetJob): Promise<JobPlace>;
  /** Subscribes to the records of a job that this gateway publishes, from now on. Returns the function that unsubscribes. */
  subscribe(jobId: string, listener: RecordListener): () => void;
  /** Subscribes to the records of any gateway's job, from the first one. @throws WaggleError unavailable */
  subscribeFromStart(jobId: string, listener: RecordListener): Promise<() => void>;
  /** Cancels the job at the worker that has it or takes it later. Resolves when the cancel is stored. @throws WaggleError unavailable */
  cancel(jobId: string, by: EndedBy): Promise<void>;
  /** Calls back for each cancelled job of the fleet. Returns the function that unsubscribes. */
  onCancel(listener: (jobId: string, by: EndedBy) => void): () => void;
  /** Deletes the job's records, which are no longer needed. Never throws. */
  forget(jobId: string): Promise<void>;

  /** How full the fleet's stores of jobs and pictures are. @throws WaggleError unavailable */
  storeUse(): Promise<StoreUse>;

  /** The pictures of jobs and questions. A job or question names them by their key. */
  readonly pictures: PictureStore;

  /**
   * Asks a worker that has the model loaded.
   * @param options `ability`: only a worker that has it
   * @throws the worker's WaggleError; unavailable if no worker has the model or answers in time
   */
  ask<K extends WorkerQuestion["kind"]>(
    question: Extract<WorkerQuestion, { kind: K }>,
    options: { readonly timeoutMs: number; readonly worker?: string; readonly ability?: Ability | undefined },
  ): Promise<Extract<WorkerAnswer, { kind: K }>>;

  /** The live job of each session, at any gateway. */
  readonly sessions: {
    /** Undefined if the session has no live job. @throws WaggleError unavailable */
    get(client: string, sessionId: string): Promise<SessionRecord | undefined>;
    /**
     * Makes a job of this gateway the live job of its session, unless the session has a newer job.
     * @returns `before`: the record that it replaces, if there is one. `newer`: the record of the newer job, which stays
     * @throws WaggleError unavailable
     */
    claim(
      client: string,
      sessionId: string,
      record: SessionRecord,
    ): Promise<{ readonly before: SessionRecord | undefined } | { readonly newer: SessionRecord }>;
    /** Removes the claim, unless another job has claimed the session since. Never throws. */
    release(client: string, sessionId: string, record: SessionRecord): Promise<void>;
  };
  /** Asks another gateway to end a session's job. Resolves with true when the job has ended, with false if no answer came in time. */
  end(
    record: SessionRecord,
    client: string,
    options: { readonly by: CancelledBy; readonly timeoutMs: number },
  ): Promise<boolean>;
  /** Sets the handler of other gateways' requests. The handler ends a session's job, and resolves when the job has ended. */
  onEnd(handler: (client: string, jobId: string, by: CancelledBy) => Promise<void>): void;

  /** Job records, with which another gateway can take a job over. Each call throws WaggleError unavailable. */
  readonly records: {
    /**
     * Reserves the job's id.
     * @returns `taken`: the record of the job that has the id. `foreign`: the id has a record of another version of the fleet's messages
     * @throws WaggleError payload_too_large
     */
    create(
      record: JobRecord,
    ): Promise<{ readonly revision: number } | { readonly taken: FoundRecord } | { readonly foreign: true }>;
    get(client: string, jobId: string): Promise<FoundRecord | undefined>;
    /** @returns the record's new revision; undefined if the record has changed since `revision` */
    update(record: JobRecord, revision: number): Promise<number | undefined>;
    /** Deletes the record, unless it has changed since `revision`. @returns whether it is deleted */
    remove(client: string, jobId: string, revision: number): Promise<boolean>;
    /** All records of this version, the oldest first. */
    list(): Promise<readonly FoundRecord[]>;
  };
  /** Writes this gateway's heartbeat, now and every few seconds. @param self returns the gateway's member record; called for each heartbeat */
  report(self: () => GatewayMember): void;
  /** Tells the fleet that this gateway is gone, so that its jobs continue elsewhere at once. The gateway must not touch them any more. */
  leave(): void;
  /** Ends the beats, the heartbeat and the subscriptions. */
  close(): Promise<void>;
}
