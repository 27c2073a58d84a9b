// Tests what no test of a client covers: random schemas, characters that span tokens, and parallel requests of all kinds.
import { Ajv } from "ajv";
import { parseSse } from "@waggle/protocol/sse";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createRandom, poll } from "@waggle/testing/harness";
import { killDaemons, spawnFakeWorker, usualWorker, type ListeningWorker } from "../support/daemon.ts";

let worker: ListeningWorker;
beforeAll(async () => {
  worker = await usualWorker();
});
afterAll(killDaemons);

type Json = Record<string, unknown>;
interface Answer {
  readonly choices: { message: { content: string }; text?: string; finish_reason: string }[];
}

async function post(path: string, body: Json): Promise<Response> {
  return await fetch(`${worker.url}${path}`, { method: "POST", body: JSON.stringify(body) });
}

/** A small random schema. All sizes are bounded, so that even the answers of a weak model end. */
function randomSchema(random: () => number, depth = 0): Json {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const kinds = ["string", "integer", "boolean", "enum", "const", "nullable"];
  const kind = pick(depth < 2 ? [...kinds, "object", "array", "anyOf"] : kinds);
  switch (kind) {
    case "string":
      return pick<Json>([
        { type: "string", maxLength: 8 },
        { type: "string", minLength: 2, maxLength: 5 },
        { type: "string", pattern: "^[a-z]{1,4}-[0-9]{2}$" },
        { type: "string", format: "date" },
      ]);
    case "integer": {
      const low = Math.floor(random() * 200) - 100;
      return { type: "integer", minimum: low, maximum: low + Math.floor(random() * 50) };
    }
    case "enum":
      return { enum: ["red", "green", 3, null].slice(0, 1 + Math.floor(random() * 4)) };
    case "const":
      return { const: pick(["yes", 7, false]) };
    case "nullable":
      return { type: ["integer", "null"], minimum: 0, maximum: 9 };
    case "array":
      return { type: "array", items: randomSchema(random, depth + 1), minItems: 1, maxItems: 3 };
    case "anyOf":
      return { anyOf: [{ type: "boolean" }, randomSchema(random, depth + 1)] };
    case "object": {
      const names = ["alpha", "beta", "gamma", "delta"].slice(0, 1 + Math.floor(random() * 4));
      const properties = Object.fromEntries(names.map((name) => [name, randomSchema(random, depth + 1)]));
      const required = names.filter(() => random() < 0.6);
      return { type: "object", properties, required, additionalProperties: false };
    }
    default:
      return { type: "boolean" };
  }
}

describe("JSON schemas", () => {
  const { schemaAnswers: count } = inject("runs");

  it(`are obeyed in ${count} of ${count} answers`, async () => {
    const ajv = new Ajv({ strict: false, formats: { date: /^\d{4}-\d{2}-\d{2}$/ } });
    const run = async (seed: number): Promise<string | undefined> => {
      const schema = randomSchema(createRandom(seed).next);
      const response = await post("/v1/chat/completions", {
        messages: [{ role: "user", content: `Tell me about number ${seed}.` }],
        response_format: { type: "json_schema", json_schema: { name: "x", schema } },
        max_tokens: 400,
        temperature: 1,
        seed,
      });
      const body = (await response.json()) as Answer;
      const content = body.choices?.[0]?.message.content ?? JSON.stringify(body);
      if (body.choices?.[0]?.finish_reason !== "stop")
        return `seed ${seed}: ${JSON.stringify(schema)} never ended: ${content}`;
      return ajv.validate(schema, JSON.parse(content))
        ? undefined
        : `seed ${seed}: ${JSON.stringify(schema)} got ${content}`;
    };
    const seeds = Array.from({ length: count }, (_, i) => i + 1);
    const failures: string[] = [];
    // As many parallel requests as slots, so that no request waits in the queue.
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
          const failure = await run(seed);
          if (failure !== undefined) failures.push(failure);
        }
      }),
    );
    expect(failures).toEqual([]);
  });
});

describe("Unicode", () => {
  it("characters that a grammar requires are whole in every delta", async () => {
    const wanted = "🐝蜂蜜👩‍🌾 мёд é 🇪🇺";
    const response = await post("/v1/completions", {
      prompt: "x",
      stream: true,
      max_tokens: 200,
      grammar: `root ::= ${JSON.stringify(wanted)}`,
    });
    const deltas: string[] = [];
    for await (const { data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
      if (data === "[DONE]") break;
      deltas.push((JSON.parse(data) as { choices: { text: string }[] }).choices[0]?.text ?? "");
    }
    expect(deltas.join("")).toBe(wanted);
    for (const delta of deltas) {
      expect(delta).not.toContain("\uFFFD");
      // A split surrogate pair would end one delta and begin the next.
      expect(delta).not.toMatch(/[\uD800-\uDBFF]$|^[\uDC00-\uDFFF]/);
    }
    expect(deltas.length).toBeGreaterThan(5);
  });
});

describe("a worker with parallel requests of all kinds", () => {
  it("mixes up no answers, and leaves all slots idle", async () => {
    const fake = await spawnFakeWorker(["--slots", "8", "--queue-capacity", "256", "--fake-step-delay", "1"]);
    const alone = new Map<string, string>();
    const bodyOf = (marker: number): Json => ({
      prompt: `marker ${marker} [eog:${10 + (marker % 7)}]`,
      temperature: 0,
    });

    async function textOf(marker: number, route: number, signal?: AbortSignal): Promise<string> {
      const { prompt, temperature } = bodyOf(marker);
      const chat = { messages: [{ role: "user", content: prompt }], temperature };
      const requests: [string, Json][] = [
        ["/v1/completions", { prompt, temperature }],
        ["/v1/completions", { prompt, temperature, stream: true }],
        ["/v1/chat/completions", chat],
        ["/v1/chat/completions", { ...chat, stream: true }],
        ["/v1/inference", { prompt, temperature }],
        ["/v1/inference", { ...chat }],
      ];
      const [path, body] = requests[route % requests.length] as [string, Json];
      const init = { method: "POST", body: JSON.stringify(body), ...(signal === undefined ? {} : { signal }) };
      const response = await fetch(`${fake.url}${path}`, init);
      if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
      if (response.headers.get("content-type")?.startsWith("application/json") === true) {
        const answer = (await response.json()) as Answer;
        return answer.choices[0]?.text ?? answer.choices[0]?.message.content ?? "";
      }
      let text = "";
      for await (const { data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
        if (data === "[DONE]") return text;
        const event = JSON.parse(data) as {
          text?: string;
          choices?: { text?: string; delta?: { content?: string | null } }[];
        };
        text += event.text ?? event.choices?.[0]?.text ?? event.choices?.[0]?.delta?.content ?? "";
      }
      throw new Error("The stream ended without [DONE]");
    }

    for (let i = 0; i < 100; i += 1) alone.set(`${i}`, await textOf(i, i));
    const random = createRandom(1).next;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, async (_, i) => {
        if (i % 5 !== 0) return (await textOf(i, i)) === alone.get(`${i}`) ? "right" : "wrong";
        const abort = new AbortController();
        const timer = setTimeout(() => abort.abort(), random() * 200);
        try {
          return (await textOf(i, i, abort.signal)) === alone.get(`${i}`) ? "right" : "wrong";
        } catch (error) {
          if (abort.signal.aborted) return "aborted";
          throw error;
        } finally {
          clearTimeout(timer);
        }
      }),
    );
    const counts = new Map<string, number>();
    for (const outcome of outcomes) {
      const name = outcome.status === "fulfilled" ? outcome.value : String(outcome.reason);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const { right = 0, aborted = 0, ...others } = Object.fromEntries(counts);
    expect(others).toEqual({});
    expect(right + aborted).toBe(100);
    expect(right).toBeGreaterThanOrEqual(80);
    await poll("a condition to hold", async () => (await fake.client.slots()).every((slot) => slot.state === "idle"));
    expect((await fake.client.health()).queue.depth).toBe(0);
  });
});
