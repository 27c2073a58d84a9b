// Owns the order of waiting tasks: one task of each client in turn, and each client's tasks in the order of arrival.

/** In place of a client, for tasks that are taken only while no client has one. */
export const lastTurn = "\0last";

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

  function nextTurn(): [client: string, tasks: Task[]] | undefined {
    for (const turn of waiting) if (turn[0] !== lastTurn) return turn;
    const tasks = waiting.get(lastTurn);
    return tasks && [lastTurn, tasks];
  }

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
      return nextTurn()?.[1][0];
    },
    take() {
      const turn = nextTurn();
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
