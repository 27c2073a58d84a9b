// Shows the texts for queue positions, waiting and thinking times.
import { expect, it } from "vitest";
import { modelStatus } from "../models/testing/model-status.ts";
import { newAnswer, type Answer } from "./conversation/answer.ts";
import { describeLine, thoughtWords, waitingWords } from "./words.ts";

it.each([
  [1, "next in line"],
  [2, "2nd in line"],
  [3, "3rd in line"],
  [4, "4th in line"],
  [11, "11th in line"],
  [22, "22nd in line"],
])("position %i is %s", (position, words) => expect(describeLine(position)).toBe(words));

it("a queue position is shown with the expected wait", () => {
  expect([describeLine(1, 3_100), describeLine(2, 900)]).toEqual(["next in line, about 4 s", "2nd in line, about 1 s"]);
});

it.each([
  [undefined, true, "Thinking…"],
  [undefined, false, "Thoughts"],
  [3_900, true, "Thinking… 3 s"],
  [12_300, false, "Thought for 12 s"],
  [200, false, "Thought for less than a second"],
  [125_000, false, "Thought for 2 min"],
])("thoughts of %s ms, thinking %s: %s", (ms, thinking, words) => {
  expect(thoughtWords(ms, thinking)).toBe(words);
});

it.each<[Partial<Answer>, string | undefined]>([
  [{ phase: "sending" }, "Sending…"],
  [{ phase: "waiting", position: 3, etaMs: 2_000 }, "Waiting (3rd in line, about 2 s)"],
  [{ phase: "loading" }, "Loading the model…"],
  [{ phase: "thinking" }, "Thinking…"],
  [{ phase: "thinking", promptShare: 0.42 }, "Reading the conversation (42 %)…"],
  [{ phase: "streaming" }, undefined],
  [{ phase: "streaming", parked: true }, "Parked: waiting for room…"],
])("an answer that is %j waits so: %s", (more, words) => {
  expect(waitingWords({ ...newAnswer("turn", "job", 0), ...more }, undefined)).toBe(words);
});

it("an answer waits for its model", () => {
  const loading = modelStatus("bee", { state: "loading", progress: 0.5 });
  const words = (["loading", "waiting"] as const).map((phase) =>
    waitingWords({ ...newAnswer("turn", "job", 0), phase }, loading),
  );
  expect(words).toEqual(["Loading bee (50 %)…", "Loading bee (50 %)… (next in line)"]);
});
