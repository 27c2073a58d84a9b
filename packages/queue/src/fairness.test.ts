// Tests the guarantees of the queue's order as properties over random histories.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAdmissionQueue, type AdmissionQueue, type QueueKey } from "./admission-queue.ts";

type Command =
  | ({ readonly kind: "offer" } & Required<Omit<QueueKey, "id">>)
  | { readonly kind: "take" }
  | { readonly kind: "finish" | "put back" | "remove"; readonly pick: number }
  | { readonly kind: "replace"; readonly pick: number; readonly priority: number };

const priority = fc.integer({ min: -1, max: 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("offer" as const),
      priority,
      client: fc.constantFrom("a", "b", "c"),
      flow: fc.constantFrom("", "s", "t"),
      places: fc.constantFrom(1, 1, 3),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "take" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("finish" as const, "put back" as const, "remove" as const),
      pick: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replace" as const), pick: fc.nat(), priority }) },
);

function history(maxLength: number): fc.Arbitrary<Command[]> {
  // Without `size`, fast-check would make most histories very short.
  return fc.array(command, { maxLength, size: "max" });
}

/** The ids of the waiting jobs among `keys`, in the order of their positions. */
function waitingIds(queue: AdmissionQueue<QueueKey>, keys: ReadonlyMap<string, QueueKey>): string[] {
  const placed = [...keys.keys()].map((id) => ({ id, position: queue.position(id) ?? Infinity }));
  return placed
    .filter(({ position }) => position !== Infinity)
    .toSorted((a, b) => a.position - b.position)
    .map(({ id }) => id);
}

interface Subject {
  readonly queue: AdmissionQueue<QueueKey>;
  /** For each taken place that has not ended, the id of its job. */
  readonly running: string[];
  /** Keys of all jobs that were ever accepted. */
  readonly keys: Map<string, QueueKey>;
}

function replay(commands: readonly Command[]): Subject {
  const queue = createAdmissionQueue<QueueKey>({ capacity: 24, now: () => 0 });
  const running: string[] = [];
  const keys = new Map<string, QueueKey>();
  let serial = 0;
  for (const each of commands) {
    switch (each.kind) {
      case "offer": {
        const { kind: _, ...rest } = each;
        const key = { id: `j${(serial += 1)}`, ...rest };
        if (queue.offer(key, key) === undefined) keys.set(key.id, key);
        break;
      }
      case "take": {
        const taken = queue.take();
        if (taken !== undefined) running.push(taken.id);
        break;
      }
      case "finish":
        for (const id of running.splice(each.pick % (running.length + 1), 1)) queue.finished(id);
        break;
      case "put back":
        for (const id of running.splice(each.pick % (running.length + 1), 1)) queue.putBack(id);
        break;
      case "remove":
        queue.remove(waitingIds(queue, keys)[each.pick % (queue.depth + 1)] ?? "");
        break;
      case "replace": {
        const old = keys.get(waitingIds(queue, keys)[each.pick % (queue.depth + 1)] ?? "");
        if (old === undefined) break;
        // The places of a job that runs already would run on.
        if (running.includes(old.id)) break;
        const key = { ...old, id: `j${(serial += 1)}`, priority: each.priority };
        queue.replace(old.id, key, key);
        keys.set(key.id, key);
        break;
      }
    }
  }
  return { queue, running, keys };
}

describe("after any history", () => {
  it("positions are the order in which entries get a place", () => {
    fc.assert(
      fc.property(history(80), (commands) => {
        const { queue, keys } = replay(commands);
        const promised = waitingIds(queue, keys);
        const positions = promised.map((id) => queue.position(id));
        expect(positions).toEqual(promised.map((_, index) => index + 1));
        const taken = new Set<string>();
        for (let next = queue.take(); next !== undefined; next = queue.take()) taken.add(next.id);
        expect([...taken]).toEqual(promised);
        expect(queue.depth).toBe(0);
      }),
    );
  });

  it("jobs that are put back, in any order, have their positions from before they were taken", () => {
    fc.assert(
      fc.property(history(80), fc.integer({ min: 1, max: 24 }), fc.boolean(), (commands, taken, last) => {
        const { queue, keys } = replay(commands);
        const before = waitingIds(queue, keys);
        const jobs = Array.from({ length: taken }, () => queue.take());
        for (const job of last ? jobs.toReversed() : jobs) queue.putBack(job?.id ?? "none");
        expect(waitingIds(queue, keys)).toEqual(before);
      }),
    );
  });

  it("an entry that comes and leaves moves no other entry", () => {
    fc.assert(
      fc.property(history(40), priority, fc.constantFrom("a", "b", "new"), (commands, level, client) => {
        const { queue, keys } = replay(commands);
        const key = { id: "last", priority: level, client, flow: "s" };
        const before = waitingIds(queue, keys);
        queue.admit(key, key);
        expect(queue.position("last")).toBeGreaterThan(0);
        queue.remove("last");
        expect(waitingIds(queue, keys)).toEqual(before);
      }),
    );
  });

  it("no entry is taken while an entry of a higher priority waits, and a flow stays first in, first out", () => {
    fc.assert(
      fc.property(history(80), (commands) => {
        const { queue, keys } = replay(commands.filter(({ kind }) => kind !== "replace"));
        const order = waitingIds(queue, keys).map((id) => keys.get(id) as QueueKey);
        const priorities = order.map((key) => key.priority);
        expect(priorities).toEqual(priorities.toSorted((a, b) => b - a));
        for (const { priority: level, client, flow } of order) {
          const line = order.filter((key) => key.priority === level && key.client === client && key.flow === flow);
          const arrivals = line.map((key) => Number(key.id.slice(1)));
          expect(arrivals).toEqual(arrivals.toSorted((one, other) => one - other));
        }
      }),
    );
  });

  it("a replacement in the same priority, client and flow moves no other entry", () => {
    fc.assert(
      fc.property(history(80), fc.nat(), (commands, pick) => {
        const { queue, keys } = replay(commands);
        const before = waitingIds(queue, keys);
        const old = keys.get(before[pick % (before.length || 1)] ?? "");
        // A job with more places may have some already.
        fc.pre(old?.places === 1);
        const key = { ...old, id: "successor" };
        expect(queue.replace(old.id, key, key)).toBe(true);
        keys.set(key.id, key);
        expect(waitingIds(queue, keys)).toEqual(before.map((id) => (id === old.id ? "successor" : id)));
      }),
    );
  });

  it("the next client runs no more places than any other waiting client of the same priority", () => {
    fc.assert(
      fc.property(history(80), (commands) => {
        const { queue, running, keys } = replay(commands);
        const waiting = waitingIds(queue, keys).map((id) => keys.get(id) as QueueKey);
        const next = queue.take();
        const runs = (client: string): number => running.filter((id) => keys.get(id)?.client === client).length;
        for (const other of waiting.filter((key) => key.priority === next?.priority)) {
          expect(runs(next?.client ?? "")).toBeLessThanOrEqual(runs(other.client));
        }
      }),
    );
  });
});

describe("fairness over time", () => {
  /** Takes `turns` jobs while each client keeps `backlog` jobs queued. At most `slots` jobs run; the oldest running job ends first. */
  function serve(backlog: Readonly<Record<string, number>>, slots: number, turns: number): string[] {
    const queue = createAdmissionQueue<QueueKey>({ capacity: 1_000, now: () => 0 });
    let serial = 0;
    const refill = (client: string): void => {
      const key = { id: `j${(serial += 1)}`, priority: 0, client, flow: "" };
      queue.offer(key, key);
    };
    for (const [client, jobs] of Object.entries(backlog)) for (let i = 0; i < jobs; i += 1) refill(client);
    const running: string[] = [];
    return Array.from({ length: turns }, () => {
      if (running.length === slots) queue.finished(running.shift() ?? "");
      const { id, client } = queue.take() as QueueKey;
      running.push(id);
      refill(client);
      return client;
    });
  }

  it("two busy clients are served equally in every window, however many jobs each has queued", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (a, b, slots) => {
          const lead = [0];
          for (const client of serve({ a, b }, slots, 60)) lead.push((lead.at(-1) ?? 0) + (client === "a" ? 1 : -1));
          // Within a window, the lead changes by the difference between the clients' turns. So the extremes of the lead bound this difference for all
          // windows.
          expect(Math.max(...lead) - Math.min(...lead)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it("a new client waits for at most one turn of each other client", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 60 }),
        fc.nat(30),
        (clients, taken) => {
          const queue = createAdmissionQueue<string>({ capacity: 100, now: () => 0 });
          clients.forEach((client, i) => queue.offer(client, { id: `j${i}`, priority: 0, client, flow: "" }));
          for (let i = 0; i < taken; i += 1) queue.take();
          queue.offer("new", { id: "new", priority: 0, client: "new", flow: "" });
          expect(queue.position("new")).toBeLessThanOrEqual(new Set(clients).size + 1);
        },
      ),
    );
  });

  it("a flow with many jobs delays another flow's single job by at most one job", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 20 }),
        fc.boolean(),
        (many, taken, known) => {
          const queue = createAdmissionQueue<string>({ capacity: 100, now: () => 0 });
          const key = (id: string, flow: string): QueueKey => ({ id, priority: 0, client: "c", flow });
          if (known) {
            queue.offer("single", key("earlier", "single"));
            queue.take();
          }
          for (let i = 0; i < many; i += 1) queue.offer("many", key(`m${i}`, "many"));
          for (let i = 0; i < taken; i += 1) queue.take();
          queue.offer("single", key("single", "single"));
          expect(queue.position("single")).toBeLessThanOrEqual(2);
        },
      ),
    );
  });

  it("a session that always has one job running cannot keep another session waiting", () => {
    const queue = createAdmissionQueue<QueueKey>({ capacity: 10, now: () => 0 });
    const offer = (id: string, flow: string): void => {
      queue.offer({ id, priority: 0, client: "c", flow }, { id, priority: 0, client: "c", flow });
    };
    offer("s0", "s");
    offer("t0", "t");
    offer("t1", "t");
    const order: string[] = [];
    for (let i = 1; i <= 4; i += 1) {
      const { id, flow } = queue.take() as QueueKey;
      order.push(id);
      if (flow === "s") offer(`s${i}`, "s");
      queue.finished(id);
    }
    expect(order).toEqual(["s0", "t0", "s1", "t1"]);
  });
});
