// Defines the states of a fleet job's run on a worker. Every change goes through transition().
//
//   reading --> claiming --> submitting --> running --> ending --> gone
//      |            |            |             |
//      +------------+------------+-------------+--> leaving --> gone
//
// When another worker has the job, a run becomes gone from every state after reading.

/** `cancelled`: the run is to publish the job's end as soon as it may. */
export type RunState =
  /** Reads the job's records. */
  | { readonly name: "reading"; readonly cancelled: boolean }
  /** Publishes this worker's fence. */
  | { readonly name: "claiming"; readonly cancelled: boolean }
  /** The model checks the job. Events of the job may arrive already. */
  | { readonly name: "submitting"; readonly cancelled: boolean }
  /** The model has accepted the job. */
  | { readonly name: "running"; readonly cancelled: boolean }
  /** The job's end is being published or acknowledged. */
  | { readonly name: "ending" }
  /** The output is being published for another worker. */
  | { readonly name: "leaving" }
  /** This worker has finished with the job. */
  | { readonly name: "gone" };

export type RunEvent =
  /** The records are read, and this worker may continue the job. */
  | "claim"
  /** No earlier worker can write records of the job any more. */
  | "submit"
  /** The model has accepted the job. */
  | "accepted"
  /** A client or a gateway cancelled the job, or the job is an orphan. */
  | "cancel"
  /** The job's end is known. */
  | "end"
  /** Another worker is to run the job. */
  | "leave"
  /** Another worker has the job, or NATS is too slow for its events. */
  | "lost"
  /** The job has left the queue, or is back in the queue. */
  | "done";

/** @throws Error when this event is impossible in this state, which is a defect of the caller */
export function transition(state: RunState, event: RunEvent): RunState {
  switch (state.name) {
    case "reading":
      if (event === "claim") return { ...state, name: "claiming" };
      if (event === "lost") break;
      return whileActive(state, event);
    case "claiming":
      if (event === "submit") return { ...state, name: "submitting" };
      return whileActive(state, event);
    case "submitting":
      if (event === "accepted") return { ...state, name: "running" };
      return whileActive(state, event);
    case "running":
      return whileActive(state, event);
    case "ending":
    case "leaving":
      // The model may accept the job, and a cancel may arrive, after the run has decided to end.
      if (event === "accepted" || event === "cancel") return state;
      if (event === "lost" || event === "done") return { name: "gone" };
      break;
    case "gone":
      if (event === "accepted" || event === "cancel") return state;
      break;
  }
  throw impossible(state, event);
}

type Active = Extract<RunState, { cancelled: boolean }>;

function whileActive(state: Active, event: RunEvent): RunState {
  if (event === "cancel") return { ...state, cancelled: true };
  if (event === "end") return { name: "ending" };
  if (event === "leave") return { name: "leaving" };
  if (event === "lost") return { name: "gone" };
  throw impossible(state, event);
}

function impossible({ name }: RunState, event: RunEvent): Error {
  return new Error(`Cannot apply "${event}" to a run: it is ${name}`);
}

/** Whether the run still decides what becomes of the job. Ask after each wait. */
export function isActive(state: RunState): boolean {
  return "cancelled" in state;
}

/** Whether the model may compute the job. */
export function mayCompute(state: RunState): boolean {
  return "cancelled" in state && !state.cancelled;
}
