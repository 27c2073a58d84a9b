import fc from "fast-check";
import { expect, test } from "vitest";
import { admit } from "./eviction.ts";
import type { Budget, Admission, Tenant } from "./eviction.ts";

const mib = 2 ** 20;
const now = 100_000;
const budget: Budget = { bytes: 300 * mib, models: 3, leastStayMs: 5_000 };

/** A model of 100 MiB, loaded long ago, idle and not pinned. */
function tenant(key: string, more: Partial<Tenant> = {}): Tenant {
  const usual = { bytes: 100 * mib, phase: "loaded", pinned: false, busy: false, usedAt: 0, loadedAt: 0 } as const;
  return { key, hasJobs: more.busy === true, keptUntil: 0, ...usual, ...more };
}

const full = ["a", "b", "c"].map((key) => tenant(key));
const evict = (...keys: string[]): Admission => ({ kind: "evict", keys });
const wait = (untilMs?: number): Admission => ({ kind: "wait", untilMs });
const never = (reason: string): Admission => ({ kind: "never", reason });

test.each<[name: string, sizeMib: number, tenants: readonly Tenant[], Partial<Budget>, Admission]>([
  ["an empty budget has room", 300, [], {}, { kind: "fits" }],
  ["a model that fits next to the others loads", 100, [tenant("a"), tenant("b")], {}, { kind: "fits" }],
  [
    "without a budget in bytes, only the number of models counts",
    9_000,
    [tenant("a")],
    { bytes: undefined },
    { kind: "fits" },
  ],
  ["a model of unknown size counts as one model", 0, full, {}, evict("a")],
  [
    "the least recently used idle model leaves",
    100,
    [tenant("a", { usedAt: 3 }), tenant("b", { usedAt: 1 }), tenant("c", { usedAt: 2 })],
    {},
    evict("b"),
  ],
  ["as many models leave as necessary", 200, full, {}, evict("a", "b")],
  [
    "an idle model leaves before a busy one that was loaded earlier",
    100,
    [tenant("a", { busy: true }), tenant("b", { usedAt: now, loadedAt: now })],
    { models: 2 },
    evict("b"),
  ],
  [
    "of busy models the longest loaded one leaves",
    100,
    [tenant("a", { busy: true, loadedAt: 2 }), tenant("b", { busy: true, loadedAt: 1, usedAt: now })],
    { models: 2 },
    evict("b"),
  ],
  [
    "a busy model stays until its minimum time is over",
    100,
    [tenant("a", { busy: true, loadedAt: now - 4_999 }), tenant("b", { busy: true, loadedAt: now - 10 })],
    { models: 2 },
    wait(now + 1),
  ],
  [
    "a busy model leaves when its minimum time is over",
    100,
    [tenant("a", { busy: true, loadedAt: now - 5_000 }), tenant("b", { busy: true, loadedAt: now - 10 })],
    { models: 2 },
    evict("a"),
  ],
  [
    "no idle model leaves if that is not enough and a busy model must stay",
    300,
    [tenant("a"), tenant("b", { busy: true, loadedAt: now - 1_000 })],
    {},
    wait(now + 4_000),
  ],
  [
    "a small model that was chosen first stays if a larger model must leave anyway",
    200,
    [tenant("small", { bytes: 50 * mib, usedAt: 1 }), tenant("large", { bytes: 200 * mib, usedAt: 2 })],
    {},
    evict("large"),
  ],
  [
    "a pinned model stays",
    100,
    [tenant("a", { pinned: true }), tenant("b", { usedAt: now }), tenant("c")],
    {},
    evict("c"),
  ],
  [
    "a pinned model stays however long ago it was loaded",
    100,
    [tenant("a", { pinned: true, busy: true }), tenant("b", { busy: true, loadedAt: now - 1 })],
    { models: 2 },
    wait(now + 4_999),
  ],
  [
    "no other model leaves while a leaving model frees enough memory",
    100,
    [...full.slice(1), tenant("a", { phase: "leaving" })],
    {},
    wait(),
  ],
  [
    "another model leaves too if a leaving model does not free enough memory",
    200,
    [tenant("a", { phase: "leaving" }), tenant("b"), tenant("c")],
    {},
    evict("b"),
  ],
  ["a loading model does not leave", 100, [tenant("a", { phase: "loading" })], { models: 1 }, wait()],
  ["more than the budget never fits", 301, [], {}, never("it takes 301 MiB, and the memory budget is 300 MiB")],
  [
    "a model that does not fit next to pinned ones never loads",
    201,
    [tenant("a", { pinned: true })],
    {},
    never("it takes 201 MiB, and pinned models hold 100 MiB of a budget of 300 MiB"),
  ],
  [
    "no model loads if the limit of models is full of pinned models",
    1,
    [tenant("a", { pinned: true })],
    { bytes: undefined, models: 1 },
    never("pinned models take all 1 places of --max-loaded-models"),
  ],
  [
    "the reason names the limit that is reached, also with a budget",
    1,
    [tenant("a", { pinned: true })],
    { models: 1 },
    never("pinned models take all 1 places of --max-loaded-models"),
  ],
])("%s", (_name, sizeMib, tenants, changes, expected) => {
  expect(admit(sizeMib * mib, tenants, { ...budget, ...changes }, now)).toEqual(expected);
});

test.each<[name: string, sizeMib: number, tenants: readonly Tenant[], Admission]>([
  ["it loads next to the others", 100, [tenant("a", { busy: true }), tenant("b")], { kind: "fits" }],
  ["a model leaves that no request keeps", 100, [tenant("a", { busy: true }), tenant("b"), tenant("c")], evict("b")],
  [
    "a model stays until its last request keeps it no longer, and so does a model that was loaded just now",
    100,
    [
      tenant("a", { keptUntil: now + 60_000 }),
      tenant("b", { keptUntil: Infinity }),
      tenant("c", { loadedAt: now - 1_000 }),
    ],
    wait(now + 4_000),
  ],
  [
    "models with jobs stay, also with those of the lane",
    100,
    [tenant("a", { busy: true }), tenant("b", { busy: true }), tenant("c", { hasJobs: true })],
    wait(),
  ],
])("for lane jobs: %s", (_name, sizeMib, tenants, expected) => {
  expect(admit(sizeMib * mib, tenants, budget, now, true)).toEqual(expected);
});

const tenantArbitrary = fc.record({
  bytes: fc.integer({ min: 0, max: 150 * mib }),
  phase: fc.constantFrom("loading", "loaded", "leaving"),
  pinned: fc.nat(4).map((one) => one === 0),
  busy: fc.boolean(),
  hasJobs: fc.boolean(),
  usedAt: fc.nat(now),
  keptUntil: fc.nat(2 * now),
  loadedAt: fc.nat(10_000).map((ago) => now - ago),
});
const tenantsArbitrary = fc
  .array(tenantArbitrary, { maxLength: 5 })
  .map((all) => all.map((one, key): Tenant => ({ key: String(key), ...one })));

test("the evicted models free enough memory, and no model leaves without need", () => {
  const property = fc.property(
    tenantsArbitrary,
    fc.nat(320 * mib),
    fc.integer({ min: 1, max: 6 }),
    (all, bytes, models) => {
      const limits = { ...budget, models };
      const admission = admit(bytes, all, limits, now);
      if (admission.kind !== "evict") return;
      const leaving = all.filter(({ key }) => admission.keys.includes(key));
      const fitsWithout = (gone: readonly Tenant[]): boolean => {
        const others = all.filter((one) => one.phase !== "leaving" && !gone.includes(one));
        return admit(bytes, others, limits, now).kind === "fits";
      };
      expect(fitsWithout(leaving)).toBe(true);
      for (const one of leaving) {
        expect(one).toMatchObject({ phase: "loaded", pinned: false });
        expect(!one.busy || now - one.loadedAt >= limits.leastStayMs).toBe(true);
        expect(fitsWithout(leaving.filter((other) => other !== one))).toBe(false);
      }
    },
  );
  fc.assert(property);
});
