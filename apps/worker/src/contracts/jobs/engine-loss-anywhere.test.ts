// Contracts of every dialect, streamed and collected: when the engine dies after any of its messages, the answer equals an undisturbed one.
import { expect, inject, test } from "vitest";
import { createRandom, type Random } from "../../testing/simulation/random.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, post } = useInlineWorker();

const calling =
  '<think>Hm 🐝.</think>Look:\n<tool_call>{"name": "weather", "arguments": {"city": "Zürich"}}</tool_call> so';
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];

type Body = Record<string, unknown>;

const textOf = (random: Random): string =>
  random.chance(0.5)
    ? `[say:${encodeURIComponent(random.pick([calling, "Just für 🐝 text STOP here", "<think>on and on</think>ok"]))}]`
    : random.pick(["A bee", "A [unicode] bee", "B [unicode][eog:13]"]);
/** A random prompt: some prompts need several passes, the others a single pass. */
const promptOf = (random: Random): string => (random.chance(0.3) ? "lorem ipsum ".repeat(60) : "") + textOf(random);
const messagesOf = (random: Random): object[] => [{ role: "user", content: promptOf(random) }];
const maybe = (random: Random, body: Body): Body => (random.chance(0.5) ? body : {});
const seeded = (random: Random): Body => ({ temperature: random.pick([0, 1]), seed: random.below(100) });
const stop = ["STOP", "ok", "蜜蜂", "ü"];

const dialects: Readonly<Record<string, (random: Random, most: number) => Body>> = {
  "/v1/chat/completions": (random, most) => ({
    ...{ messages: messagesOf(random), max_tokens: most, ...seeded(random), ...maybe(random, { stop }) },
    ...{ ...maybe(random, { tools }), ...maybe(random, { logprobs: true, top_logprobs: 2 }) },
  }),
  "/v1/completions": (random, most) => ({
    ...{ prompt: promptOf(random), max_tokens: most, ...seeded(random), ...maybe(random, { stop }) },
    ...{ ...maybe(random, { logprobs: 2 }), ...maybe(random, { echo: true }) },
  }),
  "/v1/messages": (random, most) => ({
    ...{ messages: messagesOf(random), max_tokens: most, temperature: 0, ...maybe(random, { stop_sequences: stop }) },
    ...maybe(random, { tools: [{ name: "weather", input_schema: parameters }] }),
  }),
  "/v1/responses": (random, most) => ({
    ...{ input: messagesOf(random), max_output_tokens: most, temperature: 0 },
    ...maybe(random, { tools: [{ type: "function", name: "weather", parameters }] }),
  }),
  "/api/chat": (random, most) => ({
    ...{ messages: messagesOf(random), options: { num_predict: most, ...seeded(random), ...maybe(random, { stop }) } },
    ...maybe(random, { tools }),
  }),
  "/api/generate": (random, most) => ({
    ...{ prompt: promptOf(random), raw: random.chance(0.5) },
    options: { num_predict: most, ...seeded(random), ...maybe(random, { stop }) },
  }),
  "/completion": (random, most) => ({
    ...{ prompt: promptOf(random), n_predict: most, ...seeded(random), ...maybe(random, { stop }) },
    ...{ ...maybe(random, { n_probs: 2 }), ...maybe(random, { return_tokens: true }) },
  }),
  "/v1/inference": (random, most) => ({
    ...{ messages: messagesOf(random), max_tokens: most, ...seeded(random), ...maybe(random, { stop }) },
    ...{ ...maybe(random, { tools }), stream: undefined },
  }),
};

interface Cut {
  /** The engine dies after this many messages that contain events of jobs. */
  readonly after: number;
  /** Whether the worker still receives the last of these messages. */
  readonly arrives: boolean;
}

/** The answer, and the number of messages that the last engine has sent. */
async function answer(path: string, body: Body, cuts: readonly Cut[]): Promise<{ says: string[]; messages: number }> {
  const left = [...cuts];
  let messages = 0;
  /** Whether a token came from the last engine, and from the present one: a job ends when two engines in a row die without a token. */
  let [hadOutput, hasOutput] = [true, false];
  start({
    fake: { batchSize: 48 },
    link: {
      command: (_, deliver) => queueMicrotask(deliver),
      event(event, deliver) {
        const [cut] = left;
        if (event.type === "step" && event.events.length > 0) messages += 1;
        const dies = cut !== undefined && messages >= cut.after && (hadOutput || hasOutput);
        if (!dies || cut.arrives) {
          hasOutput ||= event.type === "step" && event.events.some(({ type }) => type === "token");
          deliver();
        }
        if (!dies) return;
        left.shift();
        messages = 0;
        [hadOutput, hasOutput] = [hasOutput, false];
        worker.kill();
        queueMicrotask(worker.load);
      },
    },
  });
  const response = await post(path, body, { "x-api-key": "k" });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  await worker.close();
  return { says: saidIn(text), messages };
}

/** Keys of ids and times, and of guesses, which depend on times: they differ between answers. */
const ownKeys = /^(id|guesses|.*_id|created.*|completed_at|.*duration|timings|sequence_number|obfuscation|.*_ms)$/;
/** Keep-alive events of silent streams, and the native dialect's events about a lost engine. */
const nothing =
  /^event: (keepalive|status|queued)|"type":"(keepalive|status|queued)"|"(content|response)":"".*"done":false/;

function saidIn(text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith(":") && !line.startsWith("id:"));
  const said = lines.map((line) => {
    const data = line.replace(/^data: /, "");
    if (!/^[[{]["{]/.test(data)) return data;
    return JSON.stringify(JSON.parse(data), (key, value: unknown) => (ownKeys.test(key) ? undefined : value));
  });
  return said.filter((line) => !nothing.test(line));
}

test.each(Object.entries(dialects))("an answer of %s equals an undisturbed one", async (path, bodyOf) => {
  const firstSeed = inject("seed");
  for (let seed = firstSeed; seed < firstSeed + inject("runs").engineLosses; seed += 1) {
    const random = createRandom(seed);
    const most = 16 + random.below(90);
    const body = { model: "waggle-fake", stream: random.chance(0.6), ...bodyOf(random, most) };
    const whole = await answer(path, body, []);
    const cuts = [1 + random.below(whole.messages), ...(random.chance(0.4) ? [1 + random.below(4)] : [])].map(
      (after) => ({ after, arrives: random.chance(0.5) }),
    );
    const { says } = await answer(path, body, cuts);
    expect(says, `seed ${seed}: ${JSON.stringify({ body, cuts })}`).toEqual(whole.says);
  }
});
