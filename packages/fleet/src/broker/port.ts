// Defines what the fleet needs of its message broker. Each member has one connection. `nats/` implements it, and `model/` is a model of it for tests. Decision 092.
//
// A message has a topic: words with dots between them. A pattern is a topic in which `*` is any word, and a last `>` any words. Each call that waits
// throws a WaggleError `unavailable` while the broker is away, or when it has not answered a request within `answerLimitMs`. A call that
// needs several requests has this limit for each.

/** How long the broker may take to answer one request, in milliseconds. */
export const answerLimitMs = 3_000;

export interface Broker {
  /** Whether the broker can be reached and has all stores. */
  readonly connected: boolean;
  /** Calls back when `connected` changes, and at once while it is true. Returns the function that removes the listener. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Calls back when the broker refuses a topic to this member, for want of a permission; once for each topic and connection. */
  onDenied(listener: (topic: string) => void): () => void;
  /** Maximum number of bytes of a message; Infinity while it is unknown. */
  readonly mostBytes: number;
  /** The broker's time in milliseconds since 1970, as far as it is known. The error is half a round trip at most. */
  now(): number | undefined;

  readonly messages: Messages;
  readonly jobs: WorkQueue;
  readonly events: EventLog;
  readonly pictures: PieceStore;
  readonly records: Readonly<Record<Bucket, Records>>;
  /** How full the stores are. */
  storeUse(): Promise<StoreUse>;
  /** Sends what was sent before, then disconnects. Never throws, and takes two seconds at most. */
  close(): Promise<void>;
}

/** Share of each store's limit that is in use, from 0 to 1: of its bytes or of its records, whichever is larger. */
export type StoreUse = Readonly<Record<"jobs" | "pictures", number>>;

/** Messages that are not stored: a member that is away misses them. Subscriptions last until they are ended, over all connections. */
export interface Messages {
  /** Sends without an answer. Never throws: the receivers notice a missing message. */
  send(topic: string, data?: Uint8Array): void;
  /** Calls back for each message. Returns the function that unsubscribes. */
  receive(pattern: string, listener: (topic: string, data: Uint8Array) => void): () => void;
  /**
   * Answers questions. The handler must not throw.
   * @param how `shared`: only one of the members that answer the topic gets each question. `listed`: the broker's tools list this member
   */
  answer(
    topic: string,
    handler: (question: Uint8Array) => Promise<Answers>,
    how?: { readonly shared?: boolean; readonly listed?: Listing },
  ): () => void;
  /** @returns undefined if no member answers the topic @throws WaggleError unavailable after `limitMs` without an answer */
  ask(topic: string, question: Uint8Array, limitMs: number): Promise<Uint8Array | undefined>;
}

/** An answer, and a short one that is sent if the first is longer than a message may be. */
export type Answers = readonly [answer: Uint8Array, short: Uint8Array];

export interface Listing {
  readonly name: string;
  readonly version: string;
  readonly worker: string;
}

/** Jobs that wait for a worker or run on one, until a worker acknowledges their end. They are on disk. */
export interface WorkQueue {
  /**
   * @param id the queue drops a second job with an id that it got within the last two minutes. A restart forgets the ids of ended jobs
   * @returns when the job is on disk
   */
  put(topic: string, data: Uint8Array, id: string): Promise<"stored" | "full">;
  /** Whether a job of this pattern is in the queue, waiting or taken. */
  has(pattern: string): Promise<boolean>;
  /** Makes a queue of the jobs with this pattern, if it does not exist. The patterns of two queues must not overlap. */
  open(queue: string, pattern: string): Promise<void>;
  /** Takes the next job of the queue; undefined if none waits. @throws WaggleError unavailable also without such a queue */
  take(queue: string): Promise<Delivery | undefined>;
  /** The names of all queues. */
  list(): Promise<readonly string[]>;
  /** Undefined if there is no such queue. */
  sizeOf(queue: string): Promise<{ readonly waiting: number; readonly taken: number } | undefined>;
  remove(queue: string): Promise<void>;
}

/** A taken job. Five seconds (`takenForMs`) after the last sign of its worker, the queue gives the job to another worker. */
export interface Delivery {
  readonly data: Uint8Array;
  /** How often the queue has given the job to a worker. */
  readonly deliveries: number;
  /** Keeps the job for another five seconds. Never throws. */
  working(): void;
  /** Acknowledges the job's end. Never throws: after a failure the queue gives the job to another worker. */
  done(): Promise<void>;
  /** Returns the job: any worker may take it after this time. Never throws. */
  giveBack(afterMs: number): void;
  /** Deletes the job without running it. Never throws. */
  drop(): void;
}

/** A record of the log. Sequences count up over all topics from 1. A log that the broker has lost begins at 1 again. */
export interface StoredEvent {
  readonly topic: string;
  readonly sequence: number;
  readonly data: Uint8Array;
  /** The broker's time, in milliseconds since 1970. */
  readonly at: number;
}

/** `moved`: the topic's last record is not the expected one. `denied`: this member may not write to the topic. */
export type Appended = { readonly sequence: number } | "moved" | "denied";

/** The records of the jobs. The broker deletes records after two minutes, and the oldest ones when the log is full. */
export interface EventLog {
  /** @param after the sequence of the topic's last record, 0 for none: the record is stored only if it is still the last one */
  append(topic: string, data: Uint8Array, after: number): Promise<Appended>;
  last(topic: string): Promise<StoredEvent | undefined>;
  /** All records of the topic, up to the last one at the time of the call. */
  read(topic: string): Promise<readonly StoredEvent[]>;
  /**
   * Calls `take` for each record once, in order, also after the connection or the log is lost. `take` must return at once and must not throw.
   * @param from `start` begins with the first stored record, `now` with the next new one
   */
  follow(pattern: string, from: "start" | "now", take: (event: StoredEvent) => void): Following;
  /** Deletes the records of the topics of this pattern, except the last one of all. */
  trim(pattern: string): Promise<void>;
}

export interface Following {
  /** Resolves when records arrive; rejects when the present attempt has failed, after which there are more. @throws WaggleError unavailable */
  listening(): Promise<void>;
  close(): Promise<void>;
}

/** Pieces of pictures, one for each topic. The broker deletes pieces after an hour. */
export interface PieceStore {
  put(topic: string, data: Uint8Array): Promise<"stored" | "full">;
  get(topic: string): Promise<Uint8Array | undefined>;
  /** Deletes the pieces of this pattern. */
  remove(pattern: string): Promise<void>;
  /** Number of bytes for which the store has room. */
  capacity(): Promise<number>;
}

/** Each bucket has a lifetime (`bucketLifetimesMs`), after which the broker deletes a record that was not written again. */
export type Bucket = "members" | "cancels" | "sessions" | "jobs";

export interface StoredRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** Changes with each write. */
  readonly revision: number;
  /** The broker's time of the last write, in milliseconds since 1970. */
  readonly at: number;
}

/** A record that was deleted by a member. A record that has expired is not reported. */
export interface DeletedRecord {
  readonly key: string;
  readonly value: undefined;
}

export interface Records {
  get(key: string): Promise<StoredRecord | undefined>;
  /**
   * @param revision the record's present revision, or 0 if the key has no record; without it, any record is replaced
   * @returns the new revision; undefined if the record has changed since
   */
  put(key: string, value: Uint8Array, revision?: number): Promise<number | undefined>;
  /** Deletes the record, unless it has changed since `revision`. @returns whether it is deleted */
  delete(key: string, revision?: number): Promise<boolean>;
  /** All records, the oldest first, in one read. */
  list(): Promise<readonly StoredRecord[]>;
  /** Calls back for all present records, and then for each change; again from the start after each connection. Returns the function that ends it. */
  watch(listener: (record: StoredRecord | DeletedRecord) => void): () => void;
}
