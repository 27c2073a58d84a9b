// Owns the turns of the calls at one server: so many run at a time, and clients take turns with the rest.
import { createFairQueue } from "@waggle/async";

export interface CallTurns {
  /** Resolves when the call may begin. @returns a function that ends the turn */
  take(client: string): Promise<() => void>;
}

export function createCallTurns(most: number): CallTurns {
  const waiting = createFairQueue<() => void>();
  let running = 0;

  function beginNext(): void {
    if (running >= most) return;
    const begin = waiting.take();
    if (begin === undefined) return;
    running += 1;
    begin();
  }

  function release(): void {
    running -= 1;
    beginNext();
  }

  return {
    take: (client) =>
      new Promise((resolve) => {
        waiting.push(client, () => resolve(release));
        beginNext();
      }),
  };
}
