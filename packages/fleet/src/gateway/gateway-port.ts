// Owns the interface between a gateway and the fleet.
import type { PictureStore } from "../pictures/picture-store.ts";
import type { StoreUse } from "../nats/store-use.ts";
import type { RecordListener } from "../events/event-feed.ts";
import type { IsAlive } from "../members/beats.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import type {
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

  /**
   * Puts a job into the queue; resolves when NATS has it on disk.
   * @param at the id of the worker that keeps a slot for the job; by default any worker may take it
   * @throws WaggleError resource_exhausted when the queue is full, payload_too_large, unavailable
   */
  publish(job: FleetJob, at?: string): Promise<void>;
  /** Subscribes to the records of a job that this gateway publishes, from now on. Returns the function that unsubscribes. */
  subscribe(jobId: string, listener: RecordListener): () => void;
  /** Subscribes to the records of any gateway's job, from the first one. @throws WaggleError unavailable */
  subscribeFromStart(jobId: string, listener: RecordListener): Promise<() => void>;
  /** Cancels the job at the worker that has it or takes it later. Resolves when the cancel is stored. @throws WaggleError unavailable */
  cancel(jobId: string): Promise<void>;
  /** Calls back for each cancelled job of the fleet. Returns the function that unsubscribes. */
  onCancel(listener: (jobId: string) => void): () => void;
  /** Deletes the job's records, which are no longer needed. Never throws. */
  forget(jobId: string): Promise<void>;

  /** How full the fleet's stores of jobs and pictures are. @throws WaggleError unavailable */
  storeUse(): Promise<StoreUse>;

  /** The pictures of jobs and questions. A job or question names them by their key. */
  readonly pictures: PictureStore;

  /**
   * Asks a worker that has the model loaded.
   * @param options `readsPictures`: only a worker whose model reads pictures
   * @throws the worker's WaggleError; unavailable if no worker has the model or answers in time
   */
  ask<K extends WorkerQuestion["kind"]>(
    question: Extract<WorkerQuestion, { kind: K }>,
    options: { readonly timeoutMs: number; readonly worker?: string; readonly readsPictures?: boolean },
  ): Promise<Extract<WorkerAnswer, { kind: K }>>;

  /** The live job of each session, at any gateway. */
  readonly sessions: {
    /** Undefined if the session has no live job. @throws WaggleError unavailable */
    get(client: string, sessionId: string): Promise<SessionRecord | undefined>;
    /**
     * Makes a job of this gateway the live job of its session.
     * @returns the record that it replaces, if there is one
     * @throws WaggleError unavailable
     */
    claim(client: string, sessionId: string, record: SessionRecord): Promise<SessionRecord | undefined>;
    /** Removes the claim, unless another job has claimed the session since. Never throws. */
    release(client: string, sessionId: string, record: SessionRecord): Promise<void>;
  };
  /** Asks another gateway to end a session's job. Resolves with true when the job has ended, with false if no answer came in time. */
  end(
    record: SessionRecord,
    client: string,
    options: { readonly by: EndedBy; readonly timeoutMs: number },
  ): Promise<boolean>;
  /** Sets the handler of other gateways' requests. The handler ends a session's job, and resolves when the job has ended. */
  onEnd(handler: (client: string, jobId: string, by: EndedBy) => Promise<void>): void;

  /** Job records, with which another gateway can take a job over. Each call throws WaggleError unavailable. */
  readonly records: {
    /**
     * Reserves the job's id.
     * @returns `taken`: the record of the job that has the id
     * @throws WaggleError payload_too_large
     */
    create(record: JobRecord): Promise<{ readonly revision: number } | { readonly taken: FoundRecord }>;
    get(client: string, jobId: string): Promise<FoundRecord | undefined>;
    /** @returns the record's new revision; undefined if the record has changed since `revision` */
    update(record: JobRecord, revision: number): Promise<number | undefined>;
    /** Deletes the record, unless it has changed since `revision`. */
    remove(client: string, jobId: string, revision: number): Promise<void>;
    /** All records, the oldest first. */
    list(): AsyncIterable<FoundRecord>;
  };
  /** Writes this gateway's heartbeat, now and every few seconds. @param self returns the gateway's member record; called for each heartbeat */
  report(self: () => GatewayMember): void;
  /** Ends the beats, the heartbeat and the subscriptions. */
  close(): Promise<void>;
}
