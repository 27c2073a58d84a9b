// Tests decide jobs in the whole engine. The fake model's logprobs depend on every token before them.
import { describe, expect, test } from "vitest";
import { tokenizeFakeText } from "../fake/fake-model.ts";
import type { DecideWork } from "../port/work.ts";
import {
  decideJob,
  expectedText,
  fakePicture,
  job,
  startEngine,
  statsOf,
  submit,
  withGenerator,
  type EngineHarness,
  type StepEvent,
} from "../testing/engine-harness.ts";
import { bindSlot, reusableOf, runOf, targetNextBranch, type DecideRun } from "../schedule/slots.ts";
import { slotOf } from "../testing/run-in.ts";
import { createAnswerTrie } from "./answer-trie.ts";
import { createDecision } from "./decision.ts";
import { expectScores, vectorsOf } from "../testing/expect-scores.ts";

const labels = [["A"], ["B"], ["C"]];
const state = "The hive is warm and the bees are many. ".repeat(6);
const questions = {
  "Is it warm?": labels,
  "How many bees?": [["many", "Many"], ["few"]],
  "Is it cold?": [["yes"], ["no"]],
};

const manyTexts = Array.from({ length: 255 }, (_, index) => [`o${index}`]);
const textQuestions = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`q${index}`, manyTexts]));

const computedBy = ({ events }: EngineHarness): number => statsOf(events).reduce((sum, { tokens }) => sum + tokens, 0);

describe("a decide job", () => {
  test.each([{ ends: false }, { ends: true }])("scores each option as fresh passes do: %o", async ({ ends }) => {
    const harness = startEngine({ contextSize: 512 });
    const texts = { ...questions, "Which bee?": [["a bee"], ["a bee is"], ["bee"]].slice(0, ends ? 3 : 1) };
    const decide = decideJob("d", state, texts, { ends });
    submit(harness.engine, decide);
    const { promptTokens } = await harness.untilJob("d", "finished");
    expectScores(harness, decide);
    expect(computedBy(harness), "each token once").toBe(promptTokens);
    expect(harness.of("d")[0]).toMatchObject({ type: "started", promptTokens, cachedTokens: 0 });
  });

  test.each([1, 2, 27, 255])("scores %i options with codes of two letters", async (count) => {
    const harness = startEngine({ contextSize: 512 });
    const letter = (index: number): string => String.fromCharCode(65 + (index % 26));
    const codes = Array.from({ length: count }, (_, i) => [letter(Math.floor(i / 26)) + letter(i)]);
    const decide = decideJob("d", state, { "Which code?": codes });
    submit(harness.engine, decide);
    await harness.untilJob("d", "finished");
    expectScores(harness, decide);
  });

  test("gives the same scores in any order of the questions, and in one slot or with small passes", async () => {
    const forth = decideJob("d", state, questions);
    const back = decideJob("e", state, Object.fromEntries(Object.entries(questions).reverse()));
    const all: (readonly number[])[][] = [];
    for (const [decide, prefillBudget] of [
      [forth, 512],
      [back, 512],
      [forth, 5],
    ] as const) {
      const harness = startEngine({ contextSize: 512, slots: 1, limits: { prefillBudget } });
      submit(harness.engine, decide);
      await harness.untilJob(decide.jobId, "finished");
      all.push(vectorsOf(harness.of(decide.jobId)).map(([, vector]) => vector));
    }
    expect(all[1]?.toReversed()).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
  });

  test("leaves its prefix to the next job of the client, also when it is cancelled between branches", async () => {
    const harness = startEngine({ contextSize: 512, slots: 1, gated: true });
    submit(harness.engine, decideJob("d", state, questions));
    while (vectorsOf(harness.of("d")).length === 0) {
      await harness.gate.held();
      harness.gate.step();
    }
    harness.engine.handle({ type: "cancel", jobId: "d" });
    harness.gate.open();
    await harness.untilJob("d", "cancelled");
    const again = decideJob("e", state, questions);
    submit(harness.engine, again);
    const { cachedTokens, promptTokens } = await harness.untilJob("e", "finished");
    expect(cachedTokens).toBeGreaterThan(tokenizeFakeText(state).length);
    expect(promptTokens - cachedTokens).toBeLessThan(100);
    expectScores(harness, again);
  });

  test("takes nothing from a cache behind which it reads", () => {
    const trie = createAnswerTrie([[[1, 2, 9]], [[4, 3]]]);
    const reading = { entries: [7, 8], chunks: [], trie, ownTokens: 4 };
    const prepared = { kind: "decide", job: decideJob("d", "", {}), prompt: [5, 6], chunks: [], readings: [reading] };
    const slot = slotOf(0);
    const sequence = createDecision(prepared as never, 0);
    bindSlot(slot, { kind: "decision", prepared: prepared as never, sequence }, 1, 0);
    const run = runOf(slot) as DecideRun;
    expect([run.target, reusableOf(run)], "the prefix").toEqual([[5, 6], 2]);
    targetNextBranch(run);
    expect([run.target, reusableOf(run)], "the first branch").toEqual([[5, 6, 7, 8, 1, 2], 2]);
    run.reading?.finishBranch();
    targetNextBranch(run);
    expect([run.target, reusableOf(run)], "the second branch").toEqual([[5, 6, 7, 8, 4], 4]);
  });

  test("continues behind the readings that an earlier engine has computed", async () => {
    const harness = startEngine({ contextSize: 512 });
    const decide = decideJob("d", state, questions, { prior: { computed: 2 } });
    submit(harness.engine, decide);
    await harness.untilJob("d", "finished");
    expectScores(harness, decide, 2);
  });

  test("streams next to it keep their text, and it is parked when the context pool is full", async () => {
    const limits = { headroomCells: 1, prefillBudget: 5 };
    const harness = startEngine({ contextSize: 398, contextPool: 398, slots: 2, limits });
    const decide = decideJob("d", state, questions, { priority: -1 });
    const stream = job("s", "Hello", { maxTokens: 380 });
    submit(harness.engine, stream);
    await harness.until((event): event is StepEvent => {
      return event.type === "step" && event.events.some((each) => each.type === "token" && each.index === 200);
    });
    submit(harness.engine, decide);
    await harness.untilJob("d", "finished");
    await harness.untilJob("s", "finished");
    expect(harness.of("d").map(({ type }) => type)).toContain("parked");
    expectScores(harness, decide);
    expect(harness.textOf("s")).toBe(expectedText("Hello", 380));
  });

  test("reads pictures of the state once, and those of a question with this question only", async () => {
    const harness = startEngine({ contextSize: 512, readsPictures: true });
    const base = decideJob("d", state, questions);
    const picture = (index: number) => ({ type: "image", picture: index }) as const;
    const [first, second, ...rest] = base.work.readings;
    if (first === undefined || second === undefined) throw new Error("There are too few questions");
    const work: DecideWork = {
      ...base.work,
      pictures: [fakePicture("one"), fakePicture("two"), fakePicture("three")],
      state: { messages: [{ role: "user", content: [picture(0), { type: "text", text: state }] }] },
      readings: [
        { ...first, content: [picture(1), ...first.content] },
        { ...second, content: [picture(2), ...second.content] },
        ...rest,
      ],
    };
    submit(harness.engine, { ...base, work });
    await harness.untilJob("d", "finished");
    expect(vectorsOf(harness.of("d"))).toHaveLength(work.readings.length);
    expect(harness.backend.encoded).toBe(3);
  });

  test.each([
    ["a prompt that is too long", decideJob("d", "x".repeat(600), questions), /exceeds the context window/],
    [
      "more texts as answers than steps are allowed",
      decideJob("d", "s", textQuestions, { ends: true }),
      /more than 8192 beginnings of answers/,
    ],
    ["equal options", decideJob("d", state, { q: [["A"], ["A"]] }), /"A" and "A" have the same tokens/],
  ])("refuses %s", async (_, decide, message) => {
    const { engine, untilJob } = startEngine({ contextSize: 512 });
    submit(engine, decide);
    expect(await untilJob("d", "failed")).toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });

  test("ends with the failure of its entry", async () => {
    const harness = startEngine({
      contextSize: 512,
      wrap: withGenerator((generator) => ({
        async step(entries, underway) {
          const results = await generator.step(entries, underway);
          const fails = entries.some(({ passing }) => passing === true);
          return fails ? results.map(() => ({ kind: "failed" as const, message: "broken" })) : results;
        },
      })),
    });
    submit(harness.engine, decideJob("d", state, questions));
    expect(await harness.untilJob("d", "failed")).toMatchObject({ message: "broken" });
  });
});
