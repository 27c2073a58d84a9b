// Keeps the events of one answer, which any number of loops read from the start. An answer has at most as many events as the model's context has
// tokens, which bounds the log.

export interface AnswerLog<T> {
  add(event: T): void;
  /** Ends all loops, with the error if one is given. */
  end(failure?: { readonly error: unknown }): void;
  /** Each loop gets all events, from the first. Events for which `pick` returns undefined are left out. */
  read<V>(pick: (event: T) => V | undefined): AsyncIterable<V>;
}

export function createAnswerLog<T>(): AnswerLog<T> {
  const events: T[] = [];
  let ending: { readonly failure: { readonly error: unknown } | undefined } | undefined;
  let waiting = new Set<() => void>();

  function wake(): void {
    const woken = waiting;
    waiting = new Set();
    for (const resolve of woken) resolve();
  }

  async function* from<V>(pick: (event: T) => V | undefined): AsyncGenerator<V> {
    for (let at = 0; ; at += 1) {
      while (at === events.length) {
        if (ending?.failure !== undefined) throw ending.failure.error;
        if (ending !== undefined) return;
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
      const picked = pick(events[at] as T);
      if (picked !== undefined) yield picked;
    }
  }

  return {
    add(event) {
      events.push(event);
      wake();
    },
    end(failure) {
      ending ??= { failure };
      wake();
    },
    read: (pick) => ({ [Symbol.asyncIterator]: () => from(pick) }),
  };
}
