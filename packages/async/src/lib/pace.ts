// Owns that work leaves a thread to everything else: so much of it, of all who do it together, between two turns of the event loop.

/**
 * To be awaited before so much work, in the pace's own unit. Undefined when there is room for it in this turn: then it may begin at once.
 * Otherwise it begins in a later one, in the order of coming; work that is more than a turn has its turn alone.
 */
export type Pace = (amount: number) => Promise<void> | undefined;

/** Part of a turn up to which work is short: that goes before long work, and has half of each turn while long work waits. */
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
