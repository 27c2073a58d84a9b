// Owns the modelled way between one member and the broker: its delay, its order, its connections, and its faults.
import type { Clock } from "@waggle/async";

/** Bounds of a delay, in milliseconds. */
export interface Bounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Each fault lasts until it is ended. */
export interface LinkFaults {
  /** Sets the delay of each way. */
  delay(bounds: Bounds): void;
  /**
   * Nothing passes and nothing is lost, as on a TCP connection without a network. After `release`, the last messages of a connection that the
   * member has given up by then still arrive.
   */
  hold(): void;
  release(): void;
  /** Holds the link until this time of the clock. */
  partition(untilMs: number): void;
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
  /** Calls back at the broker, if its end is open then. */
  toBroker(run: () => void): void;
  /** Calls back at the member, unless it has left by then. */
  toMember(run: () => void): void;
  /** Answers a call. The link may be cut instead. */
  answer(run: () => void): void;
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
  let bounds = usualDelay;
  let held = false;
  let frozen = false;
  let midway = false;
  const open = new Set<{ readonly connection: Connection; flush(): void }>();

  /** One direction of a connection: messages arrive in the order in which they were sent. */
  function createLane(isBlocked: () => boolean): { send(run: () => void): void; drop(): void; flush(): void } {
    let sent: (() => void)[] = [];
    /** Messages whose delay is over, and that are blocked. */
    let arrived = 0;
    let lastMs = 0;
    function flush(): void {
      while (arrived > 0 && !isBlocked()) {
        arrived -= 1;
        sent.shift()?.();
      }
    }
    return {
      flush,
      send(run) {
        const delayMs = bounds.minMs + random() * (bounds.maxMs - bounds.minMs);
        lastMs = Math.max(lastMs, clock.now() + delayMs);
        const lane = sent;
        lane.push(run);
        clock.setTimeout(() => {
          // The message was lost.
          if (lane !== sent) return;
          arrived += 1;
          flush();
        }, lastMs - clock.now());
      },
      drop() {
        sent = [];
        arrived = 0;
      },
    };
  }

  function flushAll(): void {
    for (const { flush } of open) flush();
  }

  function release(): void {
    held = false;
    flushAll();
  }

  const link: Link = {
    delay: (next) => {
      bounds = next;
    },
    hold: () => {
      held = true;
    },
    release,
    partition(untilMs) {
      held = true;
      clock.setTimeout(release, Math.max(0, untilMs - clock.now()));
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
      const up = createLane(() => held);
      const down = createLane(() => held || frozen);
      let isOpen = true;
      let left = false;
      const connection: Connection = {
        get open() {
          return isOpen;
        },
        toBroker: (run) => up.send(() => isOpen && run()),
        toMember: (run) => down.send(() => !left && run()),
        answer(run) {
          const cut = midway;
          midway = false;
          if (cut) link.cut();
          else connection.toMember(run);
        },
        close() {
          if (!isOpen) return;
          isOpen = false;
          down.drop();
          if (left) open.delete(entry);
          connection.toMember(() => {
            connection.leave();
            onClosed();
          });
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
