import { describe, expect, test } from "vitest";
import { job, sampling, startEngine } from "../testing/engine-harness.ts";
import { runIn } from "../testing/run-in.ts";
import { createAdapterRotation, passesPerChoice } from "./adapters.ts";
import type { Run } from "./slots.ts";

describe("the turns of choices of adapters", () => {
  const run = (slot: number, ...adapters: number[]): Run =>
    runIn("decoding", { slot, ...(adapters.length === 0 ? {} : { adapters }) });

  test("do not exist while all jobs have the same choice", () => {
    const runs = [run(0, 1), run(1, 1)];
    expect(createAdapterRotation().next(runs)).toBe(runs);
  });

  test("last `passesPerChoice` passes, and the choice that has waited longest is next", () => {
    const rotation = createAdapterRotation();
    const runs = [run(0), run(1, 1), run(2), run(3, 2)];
    const rounds = Array.from({ length: passesPerChoice * 6 }, () => rotation.next(runs).map(({ slot }) => slot.id));
    const turnsTaken = Array.from({ length: 6 }, (_, turn) =>
      rounds.slice(turn * passesPerChoice, (turn + 1) * passesPerChoice),
    );
    for (const [turn, ids] of [[0, 2], [1], [3], [0, 2], [1], [3]].entries()) {
      expect(turnsTaken[turn]).toEqual(Array.from({ length: passesPerChoice }, () => ids));
    }
  });

  test("let a new or returning choice wait until the other choice's turn ends", () => {
    const rotation = createAdapterRotation();
    const [a, b] = [run(0, 1), run(1, 2)];
    const takes = (runs: readonly Run[]): number[] => rotation.next(runs).map(({ slot }) => slot.id);
    expect([takes([a]), takes([a, b])]).toEqual([[0], [0]]);
    for (let pass = 1; pass < passesPerChoice; pass++) takes([a, b]);
    expect(takes([a, b])).toEqual([1]);
    expect(takes([a])).toEqual([0]);
  });
});

describe("jobs with different adapters", () => {
  const off = { lora: [{ id: 0, scale: 0 }], sampling: sampling(), maxTokens: 12 };
  const usual = { sampling: sampling(), maxTokens: 12 };

  test("have the text together that each has alone", async () => {
    const alone = startEngine({ adapters: [1] });
    await alone.run(job("a", "The hive", usual));
    await alone.run(job("b", "The hive", off));
    const both = startEngine({ adapters: [1] });
    await Promise.all([both.run(job("a", "The hive", usual)), both.run(job("b", "The hive", off))]);
    expect(both.textOf("a")).toBe(alone.textOf("a"));
    expect(both.textOf("b")).toBe(alone.textOf("b"));
    expect(alone.textOf("b")).not.toBe(alone.textOf("a"));
  });

  test("share cached tokens only with jobs of the same choice", async () => {
    const { run } = startEngine({ adapters: [1], slots: 1 });
    const prompt = "The hive is full of honey";
    const cachedBy = async (id: string, given: Parameters<typeof job>[2]): Promise<number> => {
      return (await run(job(id, prompt, given))).cachedTokens;
    };
    expect(await cachedBy("a", usual)).toBe(0);
    expect(await cachedBy("b", off)).toBe(0);
    expect(await cachedBy("c", off)).toBeGreaterThan(0);
    expect(await cachedBy("d", usual)).toBe(0);
  });

  test("are refused at the preflight if the model does not have such an adapter", async () => {
    const { engine, until } = startEngine({ adapters: [1] });
    engine.handle({ type: "prepare", job: job("a", "The hive", { lora: [{ id: 3, scale: 1 }] }) });
    const failed = await until((event) => event.type === "prepare_failed");
    expect(failed).toMatchObject({ failure: { code: "invalid_argument", message: expect.stringContaining('"lora"') } });
  });
});
