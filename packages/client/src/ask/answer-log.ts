// Keeps the events of one answer, which any number of loops read from the start. A later loop gets only the last one of several states in a row,
// such as positions in a queue. So the log has about as many events as the model's context has tokens, however long the answer waits.

export interface AnswerLog<T> {
  add(event: T): void;
  /** Ends all loops, with the error if one is given. */
  end(failure?: { readonly error: unknown }): void;
  /** Each loop gets all events from its beginning on. Events for which `pick` returns undefined are left out. */
  read<V>(pick: (event: T) => V | undefined): AsyncIterable<V>;
}

/** A place in the log. Loops hold their places, so that the log can drop events that all of them have passed. */
interface Place<T> {
  next: { readonly event: T; readonly place: Place<T> } | undefined;
}

/** @param isState whether the next event of this kind replaces the event */
export function createAnswerLog<T>(isState: (event: T) => boolean): AnswerLog<T> {
  const start: Place<T> = { next: undefined };
  /** The place before the last event, if that is a state. */
  let beforeState: Place<T> | undefined;
  let last = start;
  let ending: { readonly failure: { readonly error: unknown } | undefined } | undefined;
  let waiting = new Set<() => void>();

  function wake(): void {
    const woken = waiting;
    waiting = new Set();
    for (const resolve of woken) resolve();
  }

  async function* from<V>(pick: (event: T) => V | undefined): AsyncGenerator<V> {
    for (let place = start; ;) {
      while (place.next === undefined) {
        if (ending?.failure !== undefined) throw ending.failure.error;
        if (ending !== undefined) return;
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
      const { event, place: after } = place.next;
      place = after;
      const picked = pick(event);
      if (picked !== undefined) yield picked;
    }
  }

  return {
    add(event) {
      const before = last;
      last = { next: undefined };
      before.next = { event, place: last };
      if (!isState(event)) beforeState = undefined;
      else if (beforeState === undefined) beforeState = before;
      else beforeState.next = before.next;
      wake();
    },
    end(failure) {
      ending ??= { failure };
      wake();
    },
    read: (pick) => ({ [Symbol.asyncIterator]: () => from(pick) }),
  };
}
