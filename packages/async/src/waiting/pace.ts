// Limits the work of all callers together per turn of the event loop, so that other code on the thread can run.

/**
 * Await the result before doing this much work, in the pace's unit. Undefined when the work fits into this turn and may begin at once. Otherwise the
 * work begins in a later turn, in the order of the calls. Work larger than a turn gets a turn alone.
 */
export type Pace = (amount: number) => Promise<void> | undefined;

/** Work up to this share of a turn is short. Short work goes before long work, and gets half of each turn while long work waits. */
const shortPart = 1 / 8;

interface Waiting {
  readonly amount: number;
  readonly begin: () => void;
}

export function createPace(perTurn: number): Pace {
  const short: Waiting[] = [];
  const long: Waiting[] = [];
  let done = 0;

  function beginThose(waiting: Waiting[], limit: number): void {
    for (let [next] = waiting; next !== undefined && done + next.amount <= limit; [next] = waiting) {
      waiting.shift();
      done += next.amount;
      next.begin();
    }
  }

  function turn(): void {
    done = 0;
    beginThose(short, long.length > 0 ? perTurn / 2 : perTurn);
    beginThose(long, Math.max(perTurn, done + (long[0]?.amount ?? 0)));
    if (short.length + long.length > 0) setImmediate(turn);
  }

  return (amount) => {
    const isShort = amount <= shortPart * perTurn;
    const others = short.length + long.length;
    const hasRoom = isShort ? short.length === 0 : others === 0;
    if (hasRoom && done + amount <= (others === 0 ? perTurn : perTurn / 2)) {
      done += amount;
      return undefined;
    }
    if (others === 0) setImmediate(turn);
    return new Promise((begin) => (isShort ? short : long).push({ amount, begin }));
  };
}
