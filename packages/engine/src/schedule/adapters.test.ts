import { describe, expect, test } from "vitest";
import { job, sampling, startEngine, submit } from "../testing/engine-harness.ts";
import { adaptersOf, createAdapterTurns, passesPerTurn } from "./adapters.ts";

const loaded = [1, 0.5].map((scale, id) => ({ id, file: `${id}.gguf`, scale }));

test("a choice of adapters becomes a scale for each adapter, or undefined for the scales at load", () => {
  expect(adaptersOf(undefined, loaded)).toBeUndefined();
  expect(adaptersOf([{ id: 1, scale: 2 }], loaded)).toEqual([0, 2]);
  expect(adaptersOf([], loaded)).toEqual([0, 0]);
  expect(adaptersOf([], [])).toBeUndefined();
  const own = loaded.map(({ id, scale }) => ({ id, scale }));
  expect(adaptersOf(own.toReversed(), loaded)).toBeUndefined();
  expect(() => adaptersOf([{ id: 2, scale: 1 }], loaded)).toThrow("there is no adapter 2; the model has 2, from 0");
  expect(() => adaptersOf([{ id: 0, scale: 1 }], [])).toThrow("the model has no adapters");
});

describe("the turns of choices of adapters", () => {
  const slot = (id: number, adapters: string, state: "decoding" | "idle" = "decoding") => ({
    id,
    adapters,
    state,
    pending: undefined,
  });

  test("do not exist while all slots have the same choice", () => {
    const slots = [slot(0, "1"), slot(1, "1"), slot(2, "0", "idle")];
    expect(createAdapterTurns().next(slots)).toBe(slots);
  });

  test("last `passesPerTurn` passes, and the choice that has waited longest is next", () => {
    const turns = createAdapterTurns();
    const slots = [slot(0, ""), slot(1, "1"), slot(2, ""), slot(3, "2")];
    const rounds = Array.from({ length: passesPerTurn * 6 }, () => turns.next(slots).map(({ id }) => id));
    const turnsTaken = Array.from({ length: 6 }, (_, turn) =>
      rounds.slice(turn * passesPerTurn, (turn + 1) * passesPerTurn),
    );
    for (const [turn, ids] of [[0, 2], [1], [3], [0, 2], [1], [3]].entries()) {
      expect(turnsTaken[turn]).toEqual(Array.from({ length: passesPerTurn }, () => ids));
    }
  });

  test("let a new or returning choice wait until the other choice's turn ends", () => {
    const turns = createAdapterTurns();
    const [a, b] = [slot(0, "a"), slot(1, "b")];
    const takes = (slots: readonly (typeof a)[]): string =>
      turns
        .next(slots)
        .map(({ adapters }) => adapters)
        .join("");
    expect([takes([a]), takes([a, b])]).toEqual(["a", "a"]);
    for (let pass = 1; pass < passesPerTurn; pass++) takes([a, b]);
    expect(takes([a, b])).toBe("b");
    expect(takes([a])).toBe("a");
  });
});

describe("jobs with different adapters", () => {
  const off = { lora: [{ id: 0, scale: 0 }], sampling: sampling(), maxTokens: 12 };
  const usual = { sampling: sampling(), maxTokens: 12 };

  test("have the text together that each has alone", async () => {
    const alone = startEngine({ adapters: [1] });
    submit(alone.engine, job("a", "The hive", usual));
    await alone.untilJob("a", "finished");
    submit(alone.engine, job("b", "The hive", off));
    await alone.untilJob("b", "finished");
    const both = startEngine({ adapters: [1] });
    submit(both.engine, job("a", "The hive", usual));
    submit(both.engine, job("b", "The hive", off));
    await Promise.all([both.untilJob("a", "finished"), both.untilJob("b", "finished")]);
    expect(both.textOf("a")).toBe(alone.textOf("a"));
    expect(both.textOf("b")).toBe(alone.textOf("b"));
    expect(alone.textOf("b")).not.toBe(alone.textOf("a"));
  });

  test("share cached tokens only with jobs of the same choice", async () => {
    const { engine, untilJob } = startEngine({ adapters: [1], slots: 1 });
    const prompt = "The hive is full of honey";
    const cachedBy = async (id: string, given: Parameters<typeof job>[2]): Promise<number> => {
      submit(engine, job(id, prompt, given));
      return (await untilJob(id, "finished")).cachedTokens;
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
