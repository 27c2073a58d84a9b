// Defines the states of a fleet job's run on a worker. Every change goes through transition().
//
//   active --> (cancelled) --> ending --> gone          active, cancelled --> gone: another worker has the job

export type RunState =
  /** The run decides what becomes of the job. */
  | "active"
  /** Like `active`, but the model must not compute: the run publishes the job's end as soon as it may. */
  | "cancelled"
  /** The job's end, or its output for another worker, is being published. */
  | "ending"
  /** This worker has finished with the job. */
  | "gone";

export type RunEvent =
  /** A client or a gateway cancelled the job, or the job is an orphan. */
  | "cancel"
  /** The job's end is known, or another worker is to run the job. */
  | "end"
  /** The job has left the queue, is back in the queue, or another worker has it. */
  | "leave";

const table: Record<RunState, Partial<Record<RunEvent, RunState>>> = {
  active: { cancel: "cancelled", end: "ending", leave: "gone" },
  cancelled: { cancel: "cancelled", end: "ending", leave: "gone" },
  ending: { cancel: "ending", leave: "gone" },
  gone: { cancel: "gone" },
};

/** @throws Error when this event is impossible in this state, which is a defect of the caller */
export function transition(state: RunState, event: RunEvent): RunState {
  const next = table[state][event];
  if (next === undefined) throw new Error(`Cannot apply "${event}" to a run: it is ${state}`);
  return next;
}

/** Whether the run still decides what becomes of the job. Ask after each wait. */
export function isActive(state: RunState): boolean {
  return state === "active" || state === "cancelled";
}
