// Owns the order of waiting tasks: one task of each client in turn, and each client's tasks in the order of arrival.

export interface FairQueue<Task> {
  readonly length: number;
  /** The sum of the waiting tasks' sizes. */
  readonly size: number;
  /** Number of this client's waiting tasks. */
  lengthOf(client: string): number;
  push(client: string, task: Task, size?: number): void;
  /** The task that `take` returns next. */
  readonly next: Task | undefined;
  take(): Task | undefined;
  /** Removes all waiting tasks and returns them. */
  drain(): Task[];
}

interface Entry<Task> {
  readonly task: Task;
  readonly size: number;
}

export function createFairQueue<Task>(): FairQueue<Task> {
  /** Waiting tasks by client. The first client in the map has the next turn. */
  const waiting = new Map<string, Entry<Task>[]>();
  const all = (): Entry<Task>[] => [...waiting.values()].flat();

  return {
    get length() {
      return all().length;
    },
    get size() {
      return all().reduce((sum, { size }) => sum + size, 0);
    },
    lengthOf: (client) => waiting.get(client)?.length ?? 0,
    push(client, task, size = 0) {
      const entries = waiting.get(client);
      if (entries === undefined) waiting.set(client, [{ task, size }]);
      else entries.push({ task, size });
    },
    get next() {
      const [turn] = waiting.values();
      return turn?.[0]?.task;
    },
    take() {
      const [turn] = waiting;
      if (turn === undefined) return undefined;
      const [client, entries] = turn;
      const entry = entries.shift();
      waiting.delete(client);
      if (entries.length > 0) waiting.set(client, entries);
      return entry?.task;
    },
    drain() {
      const tasks = all().map(({ task }) => task);
      waiting.clear();
      return tasks;
    },
  };
}
