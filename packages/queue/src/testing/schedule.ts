// Owns one simulated schedule: flows that send requests, slots in which the requests run, and how long each waits. Time is virtual.
import { createAdmissionQueue } from "../admission-queue.ts";

const capacity = 64;
/** After which a refused flow that returns tries again; others give up. */
const retryMs = 1_000;

/** The requests of one flow. All times are in milliseconds. */
export interface FlowPlan {
  readonly client: string;
  readonly flow: string;
  readonly priority: number;
  /** Requests that it sends at once. */
  readonly burst: number;
  /** `returns`: the next burst follows when the last one has ended; `repeats`: after `pauseMs`; `once`: never, but newcomers of its kind do. */
  readonly kind: "returns" | "repeats" | "once";
  readonly pauseMs: number;
  readonly startMs: number;
  /** Slots that its requests need, and how long they run, one after the other. */
  readonly sizes: readonly { readonly slots: number; readonly runMs: number }[];
}

export interface SchedulePlan {
  readonly slots: number;
  readonly flows: readonly FlowPlan[];
}

/** One request and its result. */
export interface Request {
  readonly id: string;
  readonly client: string;
  readonly flow: string;
  readonly priority: number;
  readonly slots: number;
  readonly runMs: number;
  readonly cameMs: number;
  /** From 1: its position among the waiting requests of its flow at its arrival. */
  readonly place: number;
  /** Most flows of its client, and most clients, of its priority, that waited at any one time while it did. */
  mostFlows: number;
  mostClients: number;
  /** Others that have begun while it waited. */
  overtakenBy: number;
  /** Until it began, or until the schedule ended. */
  waitedMs: number;
}

/** Runs the plan for this time, and returns every accepted request. */
export function runSchedule({ slots, flows }: SchedulePlan, forMs: number): Request[] {
  let nowMs = 0;
  let busy = 0;
  const queue = createAdmissionQueue<Request>({ capacity, now: () => nowMs });
  const requests: Request[] = [];
  const waiting = new Set<Request>();
  const ends = new Map<Request, () => void>();
  const events: { readonly atMs: number; readonly run: () => void }[] = [];

  function at(atMs: number, run: () => void): void {
    const index = events.findLastIndex((event) => event.atMs <= atMs);
    events.splice(index + 1, 0, { atMs, run });
  }

  function send(plan: FlowPlan, flow: string, round: number): void {
    let left = plan.burst;
    for (let i = 0; i < plan.burst; i += 1) {
      const size = plan.sizes[(round + i) % plan.sizes.length] ?? { slots: 1, runMs: 1 };
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
      (other) => other.client === client && other.flow === flow && other.priority === priority,
    );
    const request: Request = {
      id: `r${requests.length}`,
      client,
      flow,
      priority,
      slots: Math.min(size.slots, slots),
      runMs: size.runMs,
      cameMs: nowMs,
      place: ahead.length + 1,
      mostFlows: 1,
      mostClients: 1,
      overtakenBy: 0,
      waitedMs: 0,
    };
    if (!queue.offer(request, request).ok) {
      if (plan.kind === "returns") at(nowMs + retryMs, () => offer(plan, flow, size, onEnded));
      return;
    }
    requests.push(request);
    waiting.add(request);
    ends.set(request, onEnded);
  }

  function begin(request: Request): void {
    queue.take(request.id);
    waiting.delete(request);
    for (const other of waiting) if (other.priority === request.priority) other.overtakenBy += 1;
    request.waitedMs = nowMs - request.cameMs;
    busy += request.slots;
    at(nowMs + request.runMs, () => {
      busy -= request.slots;
      queue.finished(request.id);
      ends.get(request)?.();
    });
  }

  /** As a dispatcher does it. */
  function pump(): void {
    const fits = (request: Request): boolean => request.slots <= slots - busy;
    for (;;) {
      const next = queue.next(fits);
      if (next === undefined || !fits(next)) return;
      begin(next);
    }
  }

  function count(): void {
    const flowsByPriority = new Map<number, Map<string, Set<string>>>();
    for (const { priority, client, flow } of waiting) {
      const flowsOf = flowsByPriority.get(priority) ?? new Map<string, Set<string>>();
      flowsByPriority.set(priority, flowsOf.set(client, (flowsOf.get(client) ?? new Set()).add(flow)));
    }
    for (const request of waiting) {
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
  for (const request of waiting) request.waitedMs = forMs - request.cameMs;
  return requests;
}
