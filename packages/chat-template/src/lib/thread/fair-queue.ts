// Owns whose turn it is: one task of each client in turn, each client's in the order of arrival.

export interface FairQueue<Task> {
  readonly size: number;
  /** How many of this client wait. */
  sizeOf(client: string): number;
  push(client: string, task: Task): void;
  take(): Task | undefined;
  /** All that wait, which then no longer do. */
  drain(): Task[];
}

export function createFairQueue<Task>(): FairQueue<Task> {
  /** The first client is next. */
  const waiting = new Map<string, Task[]>();
  let size = 0;

  return {
    get size() {
      return size;
    },
    sizeOf: (client) => waiting.get(client)?.length ?? 0,
    push(client, task) {
      const tasks = waiting.get(client);
      if (tasks === undefined) waiting.set(client, [task]);
      else tasks.push(task);
      size += 1;
    },
    take() {
      const [turn] = waiting;
      if (turn === undefined) return undefined;
      const [client, tasks] = turn;
      const task = tasks.shift();
      waiting.delete(client);
      if (tasks.length > 0) waiting.set(client, tasks);
      size -= 1;
      return task;
    },
    drain() {
      const tasks = [...waiting.values()].flat();
      waiting.clear();
      size = 0;
      return tasks;
    },
  };
}
