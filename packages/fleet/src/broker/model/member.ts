// Owns the connection of one member to the modelled broker: attempts, pings, the broker's time, and calls with their limit.
import { createListeners, type Clock, type TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { answerLimitMs } from "../port.ts";
import { lanes, type Connection, type Lane, type Link } from "./link.ts";
import type { ModelServer } from "./server.ts";

const reconnectMs = 250;
const connectLimitMs = 3_000;
const pingMs = 5_000;
/** The connection counts as lost when another ping is due after these. */
const unansweredPings = 2;
const closeLimitMs = 2_000;

export interface MemberOptions {
  readonly server: ModelServer;
  readonly link: Link;
  readonly clock: Clock;
  /** The broker's permissions are for users. */
  readonly user: string;
}

interface CallOptions<T> {
  /** Lane of the request and its answer. Default: `acks`. */
  readonly lane?: Lane;
  /** The topic that the member needs a permission for. */
  readonly topic?: string;
  readonly limitMs?: number;
  /** The answer for a denied topic. Default: no answer. */
  readonly denied?: T;
}

export interface Member {
  readonly clock: Clock;
  readonly connected: boolean;
  onConnection(listener: (connected: boolean) => void): () => void;
  onDenied(listener: (topic: string) => void): () => void;
  /** Calls back for each connection before it is up, also for the present one. */
  onOpening(listener: (connection: Connection) => void): () => void;
  /** The broker's time in milliseconds since 1970. */
  now(): number | undefined;
  /**
   * Runs at the broker, and resolves with the result.
   * @throws WaggleError unavailable without a connection or an answer, or what `run` throws
   */
  call<T>(run: (connection: Connection) => T, options?: CallOptions<T>): Promise<T>;
  /** As `call`, with an answer that may come later. */
  request<T>(run: (answer: (value: T) => void, connection: Connection) => void, options?: CallOptions<T>): Promise<T>;
  /** Runs at the broker without an answer. Without a connection it is lost. */
  post(run: () => void, lane: Lane, topic?: string): void;
  /** Runs at the broker, unless the topic is denied to this member. */
  whereAllowed(connection: Connection, topic: string | undefined, run: () => void, denied?: () => void): void;
  close(): Promise<void>;
}

export function createMember({ server, link, clock, user }: MemberOptions): Member {
  const connectionListeners = createListeners<[boolean]>();
  const deniedListeners = createListeners<[string]>();
  const openings = createListeners<[Connection]>();
  const deniedTopics = new Set<string>();
  let current: Connection | undefined;
  let up = false;
  let closing = false;
  let unanswered = 0;
  /** The broker's time minus the clock's. */
  let offsetMs: number | undefined;
  /** The next attempt, the limit of the present one, or the next ping. */
  let timer: TimerHandle | undefined;

  function begin(): void {
    const connection = link.open(lose);
    const startedMs = clock.now();
    current = connection;
    timer = clock.setTimeout(lose, connectLimitMs);
    connection.toBroker(() => {
      if (!server.accept(connection)) connection.close();
    });
    openings.call(connection);
    connection.toBroker(() => {
      server.ensureStores();
      const brokerMs = server.now();
      connection.toMember(() => {
        offsetMs = brokerMs - (startedMs + clock.now()) / 2;
        unanswered = 0;
        deniedTopics.clear();
        timer?.cancel();
        timer = clock.setTimeout(ping, pingMs);
        setUp(true);
      }, "messages");
    });
  }

  function setUp(next: boolean): void {
    if (up === next) return;
    up = next;
    connectionListeners.call(up);
  }

  function lose(): void {
    timer?.cancel();
    current?.leave();
    current = undefined;
    if (closing) return;
    timer = clock.setTimeout(begin, reconnectMs);
    setUp(false);
  }

  function ping(): void {
    const connection = current;
    if (connection === undefined || unanswered === unansweredPings) return lose();
    unanswered += 1;
    timer = clock.setTimeout(ping, pingMs);
    connection.toBroker(() => connection.toMember(() => (unanswered = 0), "messages"), "messages");
  }

  const member: Member = {
    clock,
    get connected() {
      return up;
    },
    onConnection(listener) {
      const forget = connectionListeners.add(listener);
      if (up) listener(true);
      return forget;
    },
    onDenied: deniedListeners.add,
    onOpening(listener) {
      const forget = openings.add(listener);
      if (current !== undefined) listener(current);
      return forget;
    },
    now: () => (offsetMs === undefined ? undefined : clock.now() + offsetMs),
    call: async (run, options) => await member.request((answer, connection) => answer(run(connection)), options),
    async request(run, { lane = "acks", topic, limitMs = answerLimitMs, denied } = {}) {
      const connection = current;
      if (!up || connection === undefined) throw unreachable();
      return await new Promise((resolve, reject) => {
        const limit = clock.setTimeout(() => reject(unreachable(limitMs)), limitMs);
        const settle = (how: () => void): void =>
          connection.answer(() => {
            limit.cancel();
            how();
          }, lane);
        const answer = (value: Parameters<typeof resolve>[0]): void => settle(() => resolve(value));
        const attempt = (): void => {
          try {
            run(answer, connection);
          } catch (error) {
            settle(() => reject(error));
          }
        };
        connection.toBroker(
          () => member.whereAllowed(connection, topic, attempt, () => denied !== undefined && answer(denied)),
          lane,
        );
      });
    },
    post(run, lane, topic) {
      const connection = up ? current : undefined;
      connection?.toBroker(() => member.whereAllowed(connection, topic, run), lane);
    },
    whereAllowed(connection, topic, run, denied) {
      if (topic === undefined || !server.denies(user, topic)) return run();
      connection.toMember(() => {
        if (deniedTopics.has(topic)) return;
        deniedTopics.add(topic);
        deniedListeners.call(topic);
      }, "acks");
      denied?.();
    },
    async close() {
      closing = true;
      // Earlier messages arrive before these calls.
      const calls = lanes.map((lane) => member.call(() => {}, { lane, limitMs: closeLimitMs }));
      await Promise.allSettled(calls);
      up = false;
      lose();
    },
  };
  begin();
  return member;
}

/** @param limitMs for a call without an answer */
export function unreachable(limitMs?: number): WaggleError {
  const why = limitMs === undefined ? "there is no connection" : `there was no answer within ${limitMs} ms`;
  return new WaggleError("unavailable", `Cannot reach the modelled broker: ${why}.`);
}
