// Owns the modelled way between one member and the broker: its delays, its order, its connections, and its faults. The parts of a broker work at their
// own pace, so messages keep their order only within a lane.
import type { Clock } from "@waggle/async";

/** Bounds of a delay, in milliseconds. */
export interface Bounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** `acks`: calls with their answers; `messages`: messages and questions; `deliveries`: taken jobs and followed records; `reads`: reads with their results. */
export const lanes = ["acks", "messages", "deliveries", "reads"] as const;
export type Lane = (typeof lanes)[number];

/** Each fault lasts until it is ended. */
export interface LinkFaults {
  /** Sets the delay of each way, in all lanes or in these. Returns the function that ends this. */
  delay(bounds: Bounds, of?: readonly Lane[]): () => void;
  /**
   * Nothing passes and nothing is lost, as on a TCP connection without a network. After `release`, the last messages of a connection that the
   * member has given up by then still arrive.
   */
  hold(): void;
  release(): void;
  /** Closes the connections. Messages on the way are lost, and the member reconnects. */
  cut(): void;
  /** The next call reaches the broker, and the connection is closed before its answer. */
  cutMidway(): void;
  /** The member stops: its messages wait, and arrive after `thaw`. The member's clock must stop too. */
  freeze(): void;
  thaw(): void;
}

/** One connection over the link. */
export interface Connection {
  /** Whether the broker's end is open. The broker may keep it open after the member has left. */
  readonly open: boolean;
  /** Calls back at the broker, if its end is open then. Without a lane: after everything that was sent before, and before everything later. */
  toBroker(run: () => void, lane?: Lane): void;
  /** Calls back at the member, unless it has left by then. */
  toMember(run: () => void, lane: Lane): void;
  /** Answers a call. The link may be cut instead. */
  answer(run: () => void, lane: Lane): void;
  /** Closes the broker's end. Messages on the way are lost. */
  close(): void;
  /** Closes the member's end. What it has sent before still arrives. */
  leave(): void;
}

export interface Link extends LinkFaults {
  /** @param onClosed called at the member when it notices that the broker's end is closed */
  open(onClosed: () => void): Connection;
}

export interface LinkOptions {
  readonly clock: Clock;
  /** Random numbers, uniform in [0, 1). */
  readonly random: () => number;
}

const usualDelay: Bounds = { minMs: 0.2, maxMs: 2 };

export function createLink({ clock, random }: LinkOptions): Link {
  /** The newest delay of a lane counts. */
  const delays = new Set<{ readonly bounds: Bounds; readonly of: readonly Lane[] }>();
  let held = false;
  let frozen = false;
  let midway = false;
  const open = new Set<{ readonly connection: Connection; flush(): void }>();

  /** One direction of a connection. */
  function createWay(isBlocked: () => boolean): {
    send(run: () => void, lane?: Lane): void;
    drop(): void;
    flush(): void;
  } {
    /** Messages whose delay is over, and that are blocked. */
    let arrived: (() => void)[] = [];
    const lastMs = new Map<Lane, number>();
    function flush(): void {
      while (arrived.length > 0 && !isBlocked()) arrived.shift()?.();
    }
    return {
      flush,
      send(run, lane) {
        const { minMs, maxMs } =
          [...delays].findLast(({ of }) => of.includes(lane ?? "messages"))?.bounds ?? usualDelay;
        const behind = lane === undefined ? lanes : [lane];
        const delayMs = minMs + random() * (maxMs - minMs);
        const atMs = Math.max(clock.now() + delayMs, ...behind.map((each) => lastMs.get(each) ?? 0));
        for (const each of behind) lastMs.set(each, atMs);
        const mine = arrived;
        clock.setTimeout(() => {
          mine.push(run);
          // Otherwise the message was lost.
          if (mine === arrived) flush();
        }, atMs - clock.now());
      },
      drop() {
        arrived = [];
      },
    };
  }

  function flushAll(): void {
    for (const { flush } of open) flush();
  }

  const link: Link = {
    delay(bounds, of = lanes) {
      const entry = { bounds, of };
      delays.add(entry);
      return () => void delays.delete(entry);
    },
    hold: () => {
      held = true;
    },
    release() {
      held = false;
      flushAll();
    },
    cut() {
      for (const { connection } of open) connection.close();
    },
    cutMidway: () => {
      midway = true;
    },
    freeze: () => {
      frozen = true;
    },
    thaw() {
      frozen = false;
      flushAll();
    },
    open(onClosed) {
      const up = createWay(() => held);
      const down = createWay(() => held || frozen);
      let isOpen = true;
      let left = false;
      const connection: Connection = {
        get open() {
          return isOpen;
        },
        toBroker: (run, lane) => up.send(() => isOpen && run(), lane),
        toMember: (run, lane) => down.send(() => !left && run(), lane),
        answer(run, lane) {
          const cut = midway;
          midway = false;
          if (cut) link.cut();
          else connection.toMember(run, lane);
        },
        close() {
          if (!isOpen) return;
          isOpen = false;
          down.drop();
          if (left) open.delete(entry);
          connection.toMember(() => {
            connection.leave();
            onClosed();
          }, "acks");
        },
        leave() {
          if (left) return;
          left = true;
          if (!isOpen) open.delete(entry);
          else connection.toBroker(() => connection.close());
        },
      };
      const entry = {
        connection,
        flush() {
          up.flush();
          down.flush();
        },
      };
      open.add(entry);
      return connection;
    },
  };
  return link;
}
