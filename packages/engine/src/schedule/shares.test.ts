import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createShares, ownerOf, type Owner, type Shares } from "./shares.ts";

const creditMs = 20_000;
const [longestMs, graceMs] = [400, 250];

/** The owners of the same client, or of one client each. */
const levels: readonly [string, (i: number) => Owner][] = [
  ["clients", (i) => ({ client: `c${i}`, flow: "generate" })],
  ["flows of a client", (i) => ({ client: "local", flow: `s${i}` })],
];

const use = (owner: Owner, otherMs: number, promptMs = 0) => ({ owner, otherMs, promptMs });

/** Lets each pass be computed by those that may: all of them, in these parts. Returns what each one used in each pass. */
function run(
  shares: Shares,
  owners: readonly Owner[],
  passes: number,
  weights: readonly number[],
  ms = 50,
): number[][] {
  return Array.from({ length: passes }, (_, pass) => {
    shares.contend(pass * ms, owners);
    const parts = owners.map((owner, i) => (shares.waits(owner) ? 0 : (weights[i] ?? 0)));
    const sum = parts.reduce((total, part) => total + part, 0);
    const used = parts.map((part) => (ms * part) / sum);
    shares.charge(
      owners.map((owner, i) => use(owner, used[i] ?? 0)),
      creditMs,
    );
    return used;
  });
}

describe.each(levels)("time between %s", (_, ownerAt) => {
  const [a, b] = [ownerAt(0), ownerAt(1)];

  test("in any time in which it has work, an owner gets its share, its credit and a piece at most; somebody always computes", () => {
    const pass = fc.record({
      ms: fc.integer({ min: 1, max: longestMs }),
      contending: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
      weights: fc.array(fc.constantFrom(0.1, 1, 8), { minLength: 4, maxLength: 4 }),
      prompts: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    });
    const mix = fc.record({
      passes: fc.array(pass, { minLength: 50, maxLength: 400 }),
      /** Whether the owners with work change in each pass. */
      changes: fc.boolean(),
    });
    fc.assert(
      fc.property(mix, ({ passes, changes }) => {
        const shares = createShares();
        let atMs = 0;
        /** What each owner used beyond its share since it has had work. */
        const beyondMs = [0, 0, 0, 0];
        for (const { ms, weights, prompts, ...own } of passes) {
          const contending = changes ? own.contending : [0, 1, 2, 3];
          shares.contend(atMs, contending.map(ownerAt));
          const computing = contending.filter((i) => !shares.waits(ownerAt(i)));
          expect(computing, "owners that compute").not.toEqual([]);
          const sum = computing.reduce((total, i) => total + (weights[i] ?? 0), 0);
          const uses = computing.map((i) => ({ i, usedMs: (ms * (weights[i] ?? 0)) / sum }));
          shares.charge(
            uses.map(({ i, usedMs }) => (prompts[i] ? use(ownerAt(i), 0, usedMs) : use(ownerAt(i), usedMs))),
            creditMs,
          );
          atMs += ms;
          for (const i of [0, 1, 2, 3]) {
            const usedMs = uses.find((each) => each.i === i)?.usedMs ?? 0;
            const shareMs = contending.includes(i) ? ms / contending.length : 0;
            // The largest sum of any row of passes that ends here.
            beyondMs[i] = contending.includes(i) ? Math.max(0, beyondMs[i] ?? 0) + usedMs - shareMs : 0;
            expect(beyondMs[i]).toBeLessThanOrEqual(creditMs + 3 * graceMs + longestMs);
          }
        }
      }),
    );
  });

  test("is equal in 10 s, whatever parts of the steps they would take", () => {
    const used = run(createShares(), [a, b], 400, [1, 50]).slice(-200);
    const [small, large] = [0, 1].map((i) => used.reduce((sum, pass) => sum + (pass[i] ?? 0), 0));
    expect(Math.abs((small ?? 0) - (large ?? 0))).toBeLessThan(graceMs);
  });

  test("is never taken from equal parts", () => {
    expect(
      run(createShares(), [a, b], 1_000, [1, 1])
        .flat()
        .every((ms) => ms === 25),
    ).toBe(true);
  });

  test("is all of one owner that is alone, and leaves it no debt", () => {
    const shares = createShares();
    run(shares, [a], 1_000, [1]);
    shares.contend(50_000, [a, b]);
    expect([a, b].map(shares.waits)).toEqual([false, false]);
  });

  test("is lent for prompts once, and again after an idle time as long", () => {
    const shares = createShares();
    const promptMs = (): number => {
      let ms = 0;
      for (; !shares.waits(a) && ms < 10 * creditMs; ms += 100) {
        shares.contend(0, [a, b]);
        shares.charge([use(a, 0, 100)], creditMs);
      }
      return ms;
    };
    // Behind the credit, half of the time is its share.
    expect(promptMs()).toBe(creditMs + graceMs + 50);
    shares.charge([use(b, 200)], creditMs);
    expect(promptMs()).toBe(200);
    shares.contend(0, [b]);
    shares.contend(3 * creditMs, [a, b]);
    expect(promptMs()).toBeGreaterThan(creditMs);
  });

  test("is lent wholly 1 s after another owner has read a prompt and left", () => {
    const shares = createShares();
    shares.contend(0, [b, ownerAt(2)]);
    shares.charge([use(ownerAt(2), 0, 10_000)], creditMs);
    shares.contend(10_000, [b]);
    shares.contend(11_100, [a, b]);
    for (let ms = 0; ms < creditMs; ms += 100) shares.charge([use(a, 0, 100)], creditMs);
    expect(shares.waits(a)).toBe(false);
  });

  test.each([
    [1, 0.05],
    [2, 0.18],
    [3, 0.15],
    [6, 0.11],
  ])("next to %i that spend credits, stays with one that decodes: a part of %d", (readers, least) => {
    const shares = createShares();
    const owners = Array.from({ length: readers + 1 }, (_unused, i) => ownerAt(i));
    let decodesMs = 0;
    for (let pass = 0; pass < 100; pass += 1) {
      shares.contend(pass * 100, owners);
      const [first, ...prompts] = owners.map((owner, i) => (shares.waits(owner) ? 0 : i === 0 ? 1 : 16));
      const sum = prompts.reduce<number>((total, part) => total + part, first ?? 0);
      const uses = [first ?? 0, ...prompts].map((part) => (100 * part) / sum);
      decodesMs += uses[0] ?? 0;
      shares.charge(
        owners.map((owner, i) => (i === 0 ? use(owner, uses[i] ?? 0) : use(owner, 0, uses[i]))),
        creditMs,
      );
    }
    expect(decodesMs / 10_000).toBeGreaterThan(least);
    expect(decodesMs / 10_000).toBeLessThan(1 / (readers + 1));
  });

  test("is not lent to an owner that is alone", () => {
    const shares = createShares();
    for (let i = 0; i < 1_000; i += 1) {
      shares.contend(i * 100, [a]);
      shares.charge([use(a, 0, 100)], creditMs);
    }
    shares.contend(100_000, [a, b]);
    shares.charge([use(a, 0, creditMs)], creditMs);
    expect(shares.waits(a)).toBe(false);
  });

  test.each([4, 20])("is not withheld for long from one next to %i that use little more", (others) => {
    const owners = Array.from({ length: others + 1 }, (_unused, i) => ownerAt(i));
    const used = run(createShares(), owners, 200, [0.01, ...Array<number>(others).fill(1)]);
    const first = used.slice(0, others * 10).reduce((sum, [ms = 0]) => sum + ms, 0);
    // In a quarter of a second for each owner, counted from the start.
    expect(first).toBeGreaterThan((others * 10 * 50 * 0.3) / (others + 1));
  });

  test("of more owners than are remembered is given to the one with the smallest debt", () => {
    const shares = createShares();
    const owners = Array.from({ length: 1_002 }, (_unused, i) => ownerAt(i));
    shares.contend(0, [ownerAt(2_000)]);
    for (const [i, owner] of owners.entries()) shares.charge([use(owner, 4_000 + i)], creditMs);
    expect(owners.flatMap((owner, i) => (shares.waits(owner) ? [] : [i]))).toEqual([0, 1]);
  });
});

test("a client with many flows has no more time than a client with one", () => {
  const flows = Array.from({ length: 8 }, (_, i) => ({ client: "many", flow: `s${i}` }));
  const used = run(createShares(), [{ client: "one", flow: "s" }, ...flows], 400, Array<number>(9).fill(1));
  const one = used.slice(-200).reduce((sum, pass) => sum + (pass[0] ?? 0), 0);
  expect(one).toBeGreaterThan(4_500);
});

test.each([
  ["s", "s"],
  [undefined, "generate"],
])("a job of session %s is of flow %s", (sessionId, flow) => {
  const work = { kind: "generate" } as Parameters<typeof ownerOf>[0]["work"];
  expect(ownerOf({ cacheScope: "alice", sessionId, work })).toEqual({ client: "alice", flow });
});
