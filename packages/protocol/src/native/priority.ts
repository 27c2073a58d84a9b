// Owns the priorities of jobs. Without zod, because the engine process loads this file.

/** The priorities that a request may have. Jobs with a higher priority start first. */
export const priorities = { lowest: -10, highest: 10 } as const;

/** The priority of a batch's lines, below that of every request. Such jobs use only what others leave, and give it back within a step. */
export const lanePriority = priorities.lowest - 1;

export function isLane({ priority }: { readonly priority: number }): boolean {
  return priority < priorities.lowest;
}
