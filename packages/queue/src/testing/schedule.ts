// Simulates a schedule in virtual time: flows send requests, the requests wait in the queue and run in slots, and the waits are measured.
import { createAdmissionQueue } from "../admission-queue.ts";

const capacity = 64;
/** Delay before a flow of kind `returns` sends a refused request again; other flows drop the request. */
const retryMs = 1_000;

/** The requests of one flow. All times are in milliseconds. */
export interface FlowPlan {
  readonly client: string;
  readonly flow: string;
  readonly priority: number;
  /** Number of requests that the flow sends at once. */
  readonly burst: number;
  /** When the next burst follows. `returns`: when the last burst has ended; `repeats`: after `pauseMs`; `once`: after `pauseMs`, from a new flow. */
  readonly kind: "returns" | "repeats" | "once";
  readonly pauseMs: number;
  readonly startMs: number;
  /** The places that the flow's requests want, and how long each place runs; used in turn. */
  readonly sizes: readonly { readonly places: number; readonly runMs: number }[];
}

export interface SchedulePlan {
  readonly slots: number;
  readonly flows: readonly FlowPlan[];
}

export interface Request {
  readonly id: string;
  readonly client: string;
  readonly flow: string;
  readonly priority: number;
  readonly places: number;
  readonly runMs: number;
  readonly cameMs: number;
  /** At the request's arrival, from 1: the place that it gets first, among the places that its flow waits for with its priority. */
  readonly place: number;
  /** Largest number of flows of the same client and priority that waited at one time while the request waited. */
  mostFlows: number;
  /** Largest number of clients that had waiting requests of the same priority at one time while the request waited. */
  mostClients: number;
  /** Number of places of the same priority that began while the request waited. */
  overtakenBy: number;
  /** Time until the request began, or until the schedule ended. */
  waitedMs: number;
}

/** Runs the plan for `forMs`, and returns every accepted request. */
export function runSchedule({ slots, flows }: SchedulePlan, forMs: number): Request[] {
  let nowMs = 0;
  let busy = 0;
  const queue = createAdmissionQueue<Request>({ capacity, now: () => nowMs });
  const requests: Request[] = [];
  /** The requests that wait for a place, and for how many. */
  const waiting = new Map<Request, number>();
  const ends = new Map<Request, () => void>();

  const events: { readonly atMs: number; readonly run: () => void }[] = [];

  function at(atMs: number, run: () => void): void {
    const index = events.findLastIndex((event) => event.atMs <= atMs);
    events.splice(index + 1, 0, { atMs, run });
  }

  function send(plan: FlowPlan, flow: string, round: number): void {
    let left = plan.burst;
    for (let i = 0; i < plan.burst; i += 1) {
      const size = plan.sizes[(round + i) % plan.sizes.length] ?? { places: 1, runMs: 1 };
      offer(plan, flow, size, () => {
        left -= 1;
        if (left === 0 && plan.kind === "returns") send(plan, flow, round + plan.burst);
      });
    }
    if (plan.kind === "returns") return;
    const next = plan.kind === "once" ? `${plan.flow}-${round + 1}` : flow;
    at(nowMs + plan.pauseMs, () => send(plan, next, round + 1));
  }

  function offer(plan: FlowPlan, flow: string, size: FlowPlan["sizes"][number], onEnded: () => void): void {
    const { client, priority } = plan;
    const ahead = [...waiting].filter(
      ([other]) => other.client === client && other.flow === flow && other.priority === priority,
    );
    const request: Request = {
      id: `r${requests.length}`,
      client,
      flow,
      priority,
      ...size,
      cameMs: nowMs,
      place: ahead.reduce((sum, [, places]) => sum + places, 0) + 1,
      mostFlows: 1,
      mostClients: 1,
      overtakenBy: 0,
      waitedMs: 0,
    };
    if (queue.offer(request, request) !== undefined) {
      if (plan.kind === "returns") at(nowMs + retryMs, () => offer(plan, flow, size, onEnded));
      return;
    }
    requests.push(request);
    waiting.set(request, size.places);
    ends.set(request, onEnded);
  }

  /** Begins as many places as there are free slots, as the dispatcher of jobs does. */
  function pump(): void {
    for (let next = queue.next(); next !== undefined && busy < slots; next = queue.next()) {
      const request = next;
      queue.take();
      const left = (waiting.get(request) ?? 0) - 1;
      if (left + 1 === request.places) request.waitedMs = nowMs - request.cameMs;
      if (left === 0) waiting.delete(request);
      else waiting.set(request, left);
      for (const other of waiting.keys()) if (other.priority === request.priority) other.overtakenBy += 1;
      busy += 1;
      at(nowMs + request.runMs, () => {
        busy -= 1;
        queue.finished(request.id);
        if (left === 0) ends.get(request)?.();
      });
    }
  }

  function count(): void {
    const flowsByPriority = new Map<number, Map<string, Set<string>>>();
    for (const { priority, client, flow } of waiting.keys()) {
      const flowsOf = flowsByPriority.get(priority) ?? new Map<string, Set<string>>();
      flowsByPriority.set(priority, flowsOf.set(client, (flowsOf.get(client) ?? new Set()).add(flow)));
    }
    for (const request of waiting.keys()) {
      const flowsOf = flowsByPriority.get(request.priority);
      request.mostFlows = Math.max(request.mostFlows, flowsOf?.get(request.client)?.size ?? 0);
      request.mostClients = Math.max(request.mostClients, flowsOf?.size ?? 0);
    }
  }

  for (const plan of flows) at(plan.startMs, () => send(plan, plan.flow, 0));
  while ((events[0]?.atMs ?? Infinity) <= forMs) {
    const event = events.shift();
    nowMs = event?.atMs ?? nowMs;
    event?.run();
    count();
    pump();
  }
  for (const [request, places] of waiting) {
    if (places === request.places) request.waitedMs = forMs - request.cameMs;
  }
  return requests;
}
