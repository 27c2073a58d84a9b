// Contracts of the route for decisions. The engine's results are made up, so that each body is exact.
import { createHash } from "node:crypto";
import { genericFormat } from "@waggle/chat-format/format";
import type { DecideWork, EngineCommand } from "@waggle/engine";
import { DecisionAnswerSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { worksOf } from "../../testing/last-work.ts";
import { base64, dataUrl, green, hashOf, red } from "../../testing/made-up-pictures.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf } = useInlineWorker({ fake: { readsPictures: true } });

const totals = { promptTokens: 48, cachedTokens: 12, completionTokens: 0, prefillMs: 1, decodeMs: 0 };

/** Starts a worker whose engine gives the options of each reading these probabilities. */
function decideWith(readings: readonly (readonly number[])[], options: InlineWorkerOptions = {}): void {
  const vectors = readings.map((probabilities) => probabilities.map(Math.log));
  function answer(command: EngineCommand): void {
    if (command.type === "prepare") worker.emit({ type: "prepared", jobId: command.job.jobId, ...totals });
    if (command.type !== "start") return;
    const jobId = command.prepared;
    worker.emit({
      type: "step",
      events: [
        { type: "started", jobId, ...totals },
        ...vectors.map((vector, index) => ({ type: "embedding" as const, jobId, index, vector, tokens: 9 })),
        { type: "finished", jobId, by: "end", ...totals },
      ],
    });
  }
  const command = (sent: EngineCommand): void => queueMicrotask(() => answer(sent));
  start({ ...options, link: { command, event: (_, deliver) => deliver() } });
}

function lastDecision(): DecideWork {
  const work = worksOf(worker).at(-1);
  if (work?.kind !== "decide") throw new Error("The last job is no decision");
  return work;
}

/** Rounds numbers, so that bodies can be compared. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, member: unknown) =>
      typeof member === "number" ? Math.round(member * 1e9) / 1e9 : member,
    ),
  );
}

const openAiUsage = {
  input_tokens: 48,
  input_tokens_details: { cached_tokens: 12, cache_write_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 48,
};
const model = "waggle-fake";
const [question, mass] = [{ type: "predicate", instructions: "Is it damaged?" }, { x_label_mass: 1 }];
const openAi = (answer: Json): Json => ({ answers: [{ ...answer, ...mass }], model, usage: openAiUsage });
const damaged = openAi({ type: "predicate", name: null, probability: 0.91 });
const call = { type: "function_call", call_id: "c1", name: "look", arguments: '{"parcel":7}' };
const output = { type: "function_call_output", call_id: "c1", output: "wet" };

const examples: readonly [name: string, body: Json, readings: readonly (readonly number[])[], answer: Json][] = [
  ["a predicate", { input: "Parcel arrived wet", questions: [question] }, [[0.91, 0.09]], damaged],
  [
    "a choice",
    {
      input: "Late",
      questions: [{ type: "choice", name: "next", instructions: "?", choices: [{ value: "ship" }, { value: "hold" }] }],
    },
    [[0.2, 0.8]],
    openAi({
      ...{ type: "choice", name: "next", choice: "hold", confidence: 0.6 },
      probabilities: [
        { value: "ship", probability: 0.2 },
        { value: "hold", probability: 0.8 },
      ],
    }),
  ],
  [
    "a choice of typed values, the first of equal ones",
    { input: "x", questions: [{ type: "choice", instructions: "?", choices: [{ value: true }, { value: "true" }] }] },
    [[0.5, 0.5]],
    openAi({
      ...{ type: "choice", name: null, choice: true, confidence: 0 },
      probabilities: [
        { value: true, probability: 0.5 },
        { value: "true", probability: 0.5 },
      ],
    }),
  ],
  [
    "a score",
    { input: "x", questions: [{ type: "score", instructions: "?", levels: [{ label: "low" }, { label: "high" }] }] },
    [[0.3, 0.7]],
    openAi({
      ...{ type: "score", name: null, score: 0.7, confidence: 0.4 },
      probabilities: [
        { value: 0, label: "low", probability: 0.3 },
        { value: 1, label: "high", probability: 0.7 },
      ],
    }),
  ],
  [
    "a picture",
    {
      input: [{ role: "user", content: [{ type: "input_image", image_url: dataUrl(red) }] }],
      questions: [question],
    },
    [[0.91, 0.09]],
    damaged,
  ],
  ["a call with its output", { input: [call, output], questions: [question] }, [[0.91, 0.09]], damaged],
];

test.each(examples)("%s has exactly this answer", async (_, body, readings, answer) => {
  decideWith(readings);
  const got = await answerOf("/v1/decisions", body);
  expect(rounded(got)).toEqual(answer);
  DecisionAnswerSchema.parse(got);
});

test("both paths answer", async () => {
  decideWith([[0.5, 0.5]]);
  for (const path of ["/v1/decisions", "/decisions"]) expect((await post(path, examples[0]?.[1])).status).toBe(200);
});

const scoreOf = (count: number): Json[] => Array.from({ length: count }, (_, i) => ({ label: String(i) }));
const asked = (more: Json): Json => ({ input: "x", questions: [{ ...question, ...more }] });

describe("a bad body is refused with its field:", () => {
  test.each<[field: string, body: unknown]>([
    ["input", { questions: [question] }],
    ["questions", { input: "x", questions: [] }],
    ["questions", { input: "x", questions: Array.from({ length: 401 }, () => question) }],
    ["questions.0.type", asked({ type: "guess" })],
    ["questions.0.instructions", asked({ instructions: undefined })],
    ["questions.0.instructions", asked({ instructions: [{ type: "input_text", text: " " }] })],
    ["questions.0.choices", asked({ type: "choice", choices: [{ value: "a" }] })],
    ["questions.0.choices", asked({ type: "choice", choices: scoreOf(256).map(({ label }) => ({ value: label })) })],
    ["questions.0.choices.1.value", asked({ type: "choice", choices: [{ value: "a" }, { value: "a" }] })],
    ["questions.0.levels", asked({ type: "score", levels: scoreOf(11) })],
    ["input.0.call_id", { input: [output], questions: [question] }],
    ["input.0.call_id", { input: [{ ...call, call_id: undefined }], questions: [question] }],
    ["input.1.call_id", { input: [call, { ...output, call_id: null }], questions: [question] }],
    [
      "input.0.content.0.file_id",
      { input: [{ role: "user", content: [{ type: "input_image", file_id: "f" }] }], questions: [question] },
    ],
    ["input.0.type", { input: [{ type: "reasoning", summary: [] }], questions: [question] }],
    ["stream", { ...asked({}), stream: true }],
    ["orders", { ...asked({}), orders: 3 }],
    ["temperature", { ...asked({}), temperature: 0 }],
    ["scoring", { ...asked({}), scoring: "words" }],
    ["scoring", { ...asked({ type: "choice", choices: [{ value: true }, { value: "true" }] }), scoring: "text" }],
    ["input", { state: "x", questions: [question] }],
  ])("%s", async (param, body) => {
    start();
    const response = await post("/v1/decisions", body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: Json };
    expect([error["param"], error["message"]]).toEqual([param, expect.stringContaining(`"${param}`)]);
  });
});

test.each([
  ["labels", 1, 258],
  ["labels", 2, 129],
  ["text", 1, 129],
] as const)(
  "too many answers (%s, orders: %i) are refused before the engine sees them",
  async (scoring, orders, count) => {
    decideWith([], { maxBodyBytes: 4_000_000 });
    const choices = scoreOf(255).map(({ label }) => ({ value: label }));
    const questions = Array.from({ length: count }, () => ({ ...question, type: "choice", choices }));
    const answer = await post("/v1/decisions", { input: "x", scoring, orders, questions });
    const prepared = worker.commands.filter(({ type }) => type === "prepare");
    expect([answer.status, await answer.text(), prepared]).toEqual([
      400,
      expect.stringContaining("more than 65536 tokens of answers"),
      [],
    ]);
  },
);

test("a model that embeds is refused", async () => {
  start({ fake: { kind: "embed" } });
  const response = await post("/v1/decisions", examples[0]?.[1]);
  expect(response.status).toBe(400);
});

const partsOf = (content: unknown): readonly Json[] => content as readonly Json[];

test("pictures are in the state where the request has them, and in instructions for one reading", async () => {
  const picture = { type: "image", picture: 0 };
  decideWith([[0.5, 0.5]]);
  await answerOf("/v1/decisions", examples[4]?.[1] ?? {});
  expect(lastDecision().pictures?.map(({ sha256 }) => sha256)).toEqual([hashOf(red)]);
  const content = partsOf(lastDecision().state.messages[0]?.content);
  expect(content).toContainEqual(picture);
  expect(JSON.stringify(content)).not.toContain(base64(red).slice(0, 40));
  const parts = [
    { type: "input_text", text: "Like this?" },
    { type: "input_image", image_url: dataUrl(green) },
  ];
  decideWith([[0.5, 0.5]]);
  await answerOf("/v1/decisions", asked({ instructions: parts }));
  expect(lastDecision().readings[0]?.content).toContainEqual(picture);
  expect(lastDecision().pictures).toHaveLength(1);
  start({ fake: { readsPictures: false } });
  expect((await post("/v1/decisions", examples[4]?.[1])).status).toBe(400);
});

test("a conversation is data with roles, and one message of the user is data alone", async () => {
  const stateOf = async (input: unknown): Promise<string> => {
    decideWith([[0.5, 0.5]]);
    await answerOf("/v1/decisions", { input, questions: [question] });
    return JSON.stringify(partsOf(lastDecision().state.messages[0]?.content));
  };
  const user = {
    role: "user",
    content: [
      { type: "input_text", text: "It is wet" },
      { type: "input_json", data: { t: 1 } },
    ],
  };
  expect(await stateOf([user])).toContain(String.raw`It is wet{\"t\":1}\n`);
  const [calls, result] = [
    '"calls":[{"id":"c1","name":"look","arguments":{"parcel":7}}]',
    '"content":"wet","call_id":"c1"',
  ];
  const conversation = `[{"role":"system","content":"Be kind"},{"role":"assistant",${calls}},{"role":"tool",${result}}]`;
  expect(await stateOf([{ role: "developer", content: "Be kind" }, call, output])).toContain(
    JSON.stringify(conversation).slice(1, -1),
  );
});

test("thinking is off where the model has a switch", async () => {
  const abilities = { ...genericFormat.abilities, thinkingSwitch: { name: "think", on: true, off: false } } as const;
  const chatFormat = { ...genericFormat, abilities: { ...abilities, thinking: "switchable" } } as const;
  decideWith([[0.5, 0.5]], { fake: { chatFormat } });
  await answerOf("/v1/decisions", asked({}));
  expect(lastDecision().state.template).toEqual({ variables: { think: false } });
});

test("with two orders the second reading lists the options in reverse, and both count alike", async () => {
  decideWith([
    [0.6, 0.2],
    [0.3, 0.1],
  ]);
  const choices = [{ value: "a" }, { value: "b" }];
  const body = { ...asked({ type: "choice", choices }), orders: 2, temperature: 2 };
  const answer = (await answerOf("/v1/decisions", body)) as unknown as { answers: Json[] };
  const yes = (Math.sqrt(3) / (1 + Math.sqrt(3)) + 1 / (1 + Math.sqrt(3))) / 2;
  expect(rounded(answer.answers[0]?.["probabilities"])).toEqual(
    rounded([
      { value: "a", probability: yes },
      { value: "b", probability: 1 - yes },
    ]),
  );
  expect(answer.answers[0]?.["x_label_mass"]).toBeCloseTo(0.6, 9);
  const [first, second] = lastDecision().readings.map(({ content }) => JSON.stringify(content));
  expect([first, second]).toEqual([expect.stringMatching(/A: a.*B: b/), expect.stringMatching(/A: b.*B: a/)]);
});

test("a receipt has all that the prompt and the mathematics depend on", async () => {
  decideWith(
    [
      [0.6, 0.2],
      [0.5, 0.5],
    ],
    { modelPath: "/models/small.gguf" },
  );
  const questions = [{ ...question, type: "choice", choices: [{ value: "a" }, { value: "b" }] }, question];
  const got = await answerOf("/v1/decisions", { input: "Wet", questions, receipt: true, temperature: 2 });
  expect(got["x_receipt"]).toEqual({
    prompt_format_version: 1,
    state_sha256: createHash("sha256").update("Wet").digest("hex"),
    labels: [
      ["A", "B"],
      ["yes", "no"],
    ],
    scoring: "labels",
    orders: 1,
    temperatures: [2, 2],
    template_sha256: null,
    model_sha256: null,
    model_file: "small.gguf",
    pictures_sha256: [],
  });
});
