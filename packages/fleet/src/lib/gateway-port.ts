// Owns what a gateway sees of the fleet.
import type { RecordFollower } from "./event-feed.ts";
import type {
  EndedBy,
  FleetJob,
  FoundRecord,
  JobRecord,
  Member,
  SessionRecord,
  WorkerAnswer,
  WorkerQuestion,
} from "./records.ts";

export interface GatewaySide {
  /** What the others call this gateway, as long as its process lives: one that starts again is another one, whatever it was told to be called. */
  readonly id: string;
  /** NATS can be reached now. */
  readonly connected: boolean;
  /** Calls back when that changes. Returns how to stop it. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Workers and gateways whose heartbeats are there, in the order of their ids. */
  members(): readonly Member[];
  onMembers(listener: () => void): () => void;
  /** Heard of within its last beats; a member may still be listed that is not. */
  isAlive(kind: "worker" | "gateway", id: string): boolean;
  /** Gateways that sent heartbeats once and send none now. */
  silentGateways(): readonly string[];

  /**
   * Puts a job into the queue; resolves when NATS has it on disk.
   * @param at the worker that has said that it keeps a slot for it
   * @throws WaggleError resource_exhausted when the queue is full, payload_too_large, unavailable
   */
  publish(job: FleetJob, at?: string): Promise<void>;
  /** Hears the records of a job that this gateway publishes, from now on. Returns how to stop. */
  follow(jobId: string, follower: RecordFollower): () => void;
  /** Hears those of any gateway's job from their beginning on, and goes on. @throws WaggleError unavailable */
  followFromStart(jobId: string, follower: RecordFollower): Promise<() => void>;
  /** Whoever has the job, or gets it, is to end it. Resolves when the key is written. @throws WaggleError unavailable */
  cancel(jobId: string): Promise<void>;
  /** Calls back for each job of the fleet that is to end. Returns how to stop. */
  onCancel(listener: (jobId: string) => void): () => void;
  /** Its records and keys are needed no more. Never throws. */
  forget(jobId: string): Promise<void>;

  /** Asks a worker that has the model loaded. @throws WaggleError the worker's own; unavailable without such a worker, or without an answer in time */
  ask<K extends WorkerQuestion["kind"]>(
    question: Extract<WorkerQuestion, { kind: K }>,
    options: { readonly timeoutMs: number; readonly worker?: string },
  ): Promise<Extract<WorkerAnswer, { kind: K }>>;

  /** The live job of a session, wherever it runs. */
  readonly sessions: {
    /** Undefined where none is live. @throws WaggleError unavailable */
    get(client: string, sessionId: string): Promise<SessionRecord | undefined>;
    /**
     * This gateway's job is the session's now.
     * @returns the record that it replaces, if there is one
     * @throws WaggleError unavailable
     */
    claim(client: string, sessionId: string, record: SessionRecord): Promise<SessionRecord | undefined>;
    /** Unless another one has claimed it since. Never throws. */
    release(client: string, sessionId: string, record: SessionRecord): Promise<void>;
  };
  /** Has another gateway end that job of a session; resolves when that is over, with false when it does not answer within the time. */
  end(
    record: SessionRecord,
    client: string,
    options: { readonly by: EndedBy; readonly timeoutMs: number },
  ): Promise<boolean>;
  /** What other gateways ask of this one: ends a session's job, resolves when that is over. */
  onEnd(handler: (client: string, jobId: string, by: EndedBy) => Promise<void>): void;

  /** Jobs as another gateway can go on with them. Each throws WaggleError unavailable. */
  readonly records: {
    /**
     * Reserves the job's name.
     * @returns `taken`: the record of the job that has the name
     * @throws WaggleError payload_too_large
     */
    create(record: JobRecord): Promise<{ readonly revision: number } | { readonly taken: FoundRecord }>;
    get(client: string, jobId: string): Promise<FoundRecord | undefined>;
    /** @returns its new revision; undefined when it has been changed since */
    update(record: JobRecord, revision: number): Promise<number | undefined>;
    /** Unless it has been changed since. */
    remove(client: string, jobId: string, revision: number): Promise<void>;
    /** All of them, the oldest first. */
    list(): AsyncIterable<FoundRecord>;
  };
  /** Tells the others who is here, now and every few seconds. */
  report(): void;
  /** No beat, no heartbeat, no connection is left. */
  close(): Promise<void>;
}
