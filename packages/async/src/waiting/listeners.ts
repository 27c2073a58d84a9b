// Owns the listeners to one kind of event, in the order of their registration.

export interface Listeners<A extends readonly unknown[]> {
  /** Returns a function that removes the listener. */
  add(listener: (...args: A) => void): () => void;
  call(...args: A): void;
}

export function createListeners<A extends readonly unknown[]>(): Listeners<A> {
  const listeners = new Set<(...args: A) => void>();
  return {
    add(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    call(...args) {
      for (const listener of listeners) listener(...args);
    },
  };
}
