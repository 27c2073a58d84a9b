import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectedText, job, startEngine, submit, statsOf, withGenerator } from "../testing/engine-harness.ts";
import { contextCapacity } from "../port/info.ts";
import type { Token } from "../port/steps.ts";
import { planShift, replayShifts } from "../sequence/context-shift.ts";
import { tokenizeFake } from "../fake/fake-model.ts";

describe("planShift", () => {
  test("keeps the prompt's beginning, at most a quarter of the context, and discards the older half of the rest", () => {
    expect(planShift(99, 10, 100)).toEqual({ keep: 10, discard: 45 });
    expect(planShift(99, 80, 100)).toEqual({ keep: 25, discard: 37 });
    expect(planShift(2, 1, 3)).toEqual({ keep: 1, discard: 1 });
  });

  test("keeps at least one token, and discards half of the rest, for random contexts", () => {
    const contexts = fc
      .integer({ min: 3, max: 100_000 })
      .chain((contextSize) => fc.record({ contextSize: fc.constant(contextSize), prompt: fc.nat(contextSize - 2) }));
    fc.assert(
      fc.property(contexts, ({ contextSize, prompt }) => {
        const cached = contextCapacity(contextSize);
        const { keep, discard } = planShift(cached, prompt + 1, contextSize);
        expect(keep).toBeGreaterThanOrEqual(1);
        expect(keep).toBeLessThanOrEqual(prompt + 1);
        expect(keep).toBeLessThanOrEqual(Math.max(1, contextSize / 4));
        expect(discard).toBeGreaterThanOrEqual(1);
        expect([cached - keep, cached - keep + 1]).toContain(2 * discard);
      }),
    );
  });
});

describe("replayShifts", () => {
  test("returns the tokens that the slot holds after an uninterrupted run", async () => {
    const held: (readonly Token[])[] = [];
    const { of, run } = startEngine({
      contextSize: 32,
      slots: 1,
      wrap: withGenerator((generator, fake) => ({
        async step(entries, underway) {
          const results = await generator.step(entries, underway);
          held.push(fake.heldTokens(0));
          return results;
        },
      })),
    });
    await run(job("a", "Hello", { contextShift: true, maxTokens: 96 }));
    const ids = of("a").flatMap((event) => (event.type === "token" ? event.ids : []));
    const prompt = tokenizeFake({ kind: "text", text: "Hello" });
    expect(held).toHaveLength(96);
    held.forEach((tokens, output) => {
      expect(replayShifts(prompt, ids.slice(0, output), 32)).toEqual(tokens);
    });
  });
});

describe("a job with a context shift", () => {
  const asking = { contextShift: true, maxTokens: 96 };

  test("continues beyond its context to max_tokens, with gapless indexes", async () => {
    const { backend, events, of, textOf, run } = startEngine({ contextSize: 32 });
    expect(await run(job("a", "Hello", asking))).toMatchObject({ by: "max_tokens", completionTokens: 96 });
    const indexes = of("a").flatMap((event) => (event.type === "token" ? [event.index] : []));
    expect(indexes).toEqual(Array.from({ length: 96 }, (_, i) => i));
    expect(textOf("a")).toBe(expectedText("Hello", 96));
    const shifted = statsOf(events).flatMap(({ step, shifts }) => (shifts === 1 ? [step] : []));
    expect(shifted, "first with 31 held tokens, then after every 13 more").toEqual([27, 40, 53, 66, 79, 92]);
    expect(backend.heldTokens(0), "only the head is left").toEqual(tokenizeFake({ kind: "text", text: "Hello" }));
  });

  test.each([
    ["Hello", 6],
    ["a prompt of another, 31 long.", 8],
  ])(
    "leaves to the next job only the tokens that no shift has moved, even if its prompt is all held tokens: %j",
    async (prompt, head) => {
      let held: readonly Token[] = [];
      const { backend, textOf, untilJob, run } = startEngine({
        contextSize: 32,
        slots: 1,
        wrap: withGenerator((generator, fake) => ({
          end: async (slot, keep) => {
            held = fake.heldTokens(slot);
            await generator.end(slot, keep);
          },
        })),
      });
      await run(job("a", prompt, asking));
      const bytes = held.flatMap((token) => [...backend.tokenBytes(token)]);
      const same = new TextDecoder().decode(Uint8Array.from(bytes));
      expect(tokenizeFake({ kind: "text", text: same }), "the tokens that the slot held at the end").toEqual(held);
      expect(await run(job("b", same, { maxTokens: 2 }), "started")).toMatchObject({ cachedTokens: head });
      await untilJob("b", "finished");
      expect(textOf("b")).toBe(expectedText(same, 2));
    },
  );

  test("leaves only unmoved tokens when a cancel arrives during a shift", async () => {
    const shifts: number[][] = [];
    const { engine, backend, run } = startEngine({
      contextSize: 32,
      slots: 1,
      wrap: withGenerator((generator) => ({
        shift: async (...given) => {
          shifts.push(given);
          await generator.shift(...given);
          if (shifts.length === 2) engine.handle({ type: "cancel", jobId: "a" });
        },
      })),
    });
    expect(await run(job("a", "Hello", asking), "cancelled")).toMatchObject({ completionTokens: 39, steps: 0 });
    expect(shifts).toEqual([
      [0, 6, 13],
      [0, 6, 13],
    ]);
    expect(backend.heldTokens(0)).toHaveLength(6);
  });

  test("does not disturb a job in another slot that ends with its context", async () => {
    const { engine, textOf, untilJob, run } = startEngine({ contextSize: 32 });
    submit(engine, job("a", "Hello", asking));
    expect(await run(job("b", "World", { maxTokens: 96 }))).toMatchObject({ by: "context", completionTokens: 26 });
    await untilJob("a", "finished");
    expect(textOf("b")).toBe(expectedText("World", 26));
    expect(textOf("a")).toBe(expectedText("Hello", 96));
  });
});
