// Owns the order of waiting tasks: one task of each client in turn, and each client's tasks in the order of arrival.

export interface FairQueue<Task> {
  readonly length: number;
  push(client: string, task: Task): void;
  /** The task that `take` returns next. */
  readonly next: Task | undefined;
  take(): Task | undefined;
  /** Removes all waiting tasks and returns them. */
  drain(): Task[];
}

export function createFairQueue<Task>(): FairQueue<Task> {
  /** Waiting tasks by client. The first client in the map has the next turn. */
  const waiting = new Map<string, Task[]>();
  let length = 0;

  return {
    get length() {
      return length;
    },
    push(client, task) {
      const tasks = waiting.get(client);
      if (tasks === undefined) waiting.set(client, [task]);
      else tasks.push(task);
      length += 1;
    },
    get next() {
      const [turn] = waiting.values();
      return turn?.[0];
    },
    take() {
      const [turn] = waiting;
      if (turn === undefined) return undefined;
      const [client, tasks] = turn;
      const task = tasks.shift();
      waiting.delete(client);
      if (tasks.length > 0) waiting.set(client, tasks);
      length -= 1;
      return task;
    },
    drain() {
      const tasks = [...waiting.values()].flat();
      waiting.clear();
      length = 0;
      return tasks;
    },
  };
}
