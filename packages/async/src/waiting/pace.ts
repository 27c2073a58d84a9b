// Limits the work that all callers together do in one turn of the event loop, so that other code on the thread can run.
import { createFairQueue, type FairQueue } from "../clients/fair-queue.ts";

/**
 * Await the result before doing `amount` units of work. The result is undefined when the work may begin at once, in this turn of the event loop.
 * Otherwise the promise resolves in a later turn. Clients take turns with their short work, and with their long work. A piece of work that is
 * larger than a turn is the only long work of its turn.
 */
export type Pace = (amount: number, client?: string) => Promise<void> | undefined;

/** Work up to this share of a turn is short. Short work begins before long work, and gets half of each turn while long work waits. */
const shortPart = 1 / 8;

interface Waiting {
  readonly amount: number;
  readonly begin: () => void;
}

export function createPace(perTurn: number): Pace {
  const short = createFairQueue<Waiting>();
  const long = createFairQueue<Waiting>();
  let done = 0;

  function beginThose(waiting: FairQueue<Waiting>, limit: number): void {
    for (let { next } = waiting; next !== undefined && done + next.amount <= limit; { next } = waiting) {
      waiting.take();
      done += next.amount;
      next.begin();
    }
  }

  function turn(): void {
    done = 0;
    beginThose(short, long.length > 0 ? perTurn / 2 : perTurn);
    beginThose(long, Math.max(perTurn, done + (long.next?.amount ?? 0)));
    if (short.length + long.length > 0) setImmediate(turn);
  }

  return (amount, client = "") => {
    const isShort = amount <= shortPart * perTurn;
    const others = short.length + long.length;
    const hasRoom = isShort ? short.length === 0 : others === 0;
    if (hasRoom && done + amount <= (others === 0 ? perTurn : perTurn / 2)) {
      done += amount;
      return undefined;
    }
    if (others === 0) setImmediate(turn);
    return new Promise((begin) => (isShort ? short : long).push(client, { amount, begin }));
  };
}
