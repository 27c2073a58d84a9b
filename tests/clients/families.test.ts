// Tests a whole tool round trip in four formats that differ, with common clients, real workers and scripted models.
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDaemons } from "../support/daemon.ts";
import { spawnScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";
import { roundTripClients, type RoundTripClient } from "./tool-round-trip.ts";

const question = "What will the weather be in Zürich?";
const weather = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
    required: ["city", "days"],
    additionalProperties: false,
  },
};
const args = { city: 'Zürich "HB"', days: 3 };
const json = JSON.stringify(args);
const result = "Rain, 11 degrees.";
const thought = "I should look, 🐝.";
const answer = "It will rain in Zürich.";

interface Family {
  readonly template: string;
  /** The model's text when it calls the tool with `args`. After the tool's result, the model writes `answer`. */
  readonly call: string;
  readonly answer: string;
}

/** The texts have the format of each family's template. */
const families: readonly Family[] = [
  {
    template: "meta-llama-Llama-3.1-8B-Instruct",
    call: `{"name": "get_weather", "parameters": ${json}}`,
    answer,
  },
  {
    template: "openai-gpt-oss-120b",
    call: `<|channel|>analysis<|message|>${thought}<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>${json}<|call|>`,
    answer: `<|channel|>analysis<|message|>${thought}<|end|><|start|>assistant<|channel|>final<|message|>${answer}`,
  },
  {
    template: "google-gemma-4-31B-it",
    call: `<|channel>thought\n${thought}<channel|><|tool_call>call:get_weather{city:<|"|>${args.city}<|"|>,days:3}<tool_call|>`,
    answer: `<|channel>thought\n${thought}<channel|>${answer}`,
  },
  {
    template: "mistralai-Ministral-3-14B-Reasoning-2512",
    call: `[THINK]${thought}[/THINK][TOOL_CALLS]get_weather[ARGS]${json}`,
    answer: `[THINK]${thought}[/THINK]${answer}`,
  },
];

/** Two of the three clients, so that each client is tested with at least two families. */
function clientsOf(index: number): (readonly [string, RoundTripClient])[] {
  return [...roundTripClients].filter((_, client) => client !== index % roundTripClients.size);
}

afterAll(killDaemons);

describe.each(families.map((family, index) => ({ ...family, index })))("in the format of $template", (family) => {
  let worker: ScriptedWorker;
  beforeAll(async () => {
    const template = llamaTemplates().get(family.template) as string;
    worker = await spawnScriptedWorker({ template, context: 8_192 }, ["--slots", "1"]);
  });
  afterAll(() => worker.signal("SIGTERM"));

  it.each(clientsOf(family.index))("%s makes a whole tool round trip", async (_name, roundTrip) => {
    const bodies: Readonly<Record<string, unknown>>[] = [];
    const trip = await roundTrip({
      ...{ url: worker.url, question, tool: weather, result },
      fetch: worker.fetchSaying([family.call, family.answer], (body) => bodies.push(body)),
    });
    const thinks = family.call.includes(thought);
    expect({ ...trip, thoughts: trip.thoughts?.map((text) => text.trim()) }).toEqual({
      ...{ texts: ["", answer], calls: [{ name: weather.name, args }], argumentPieces: trip.argumentPieces },
      thoughts: trip.thoughts && [thought, thought].map((text) => (thinks ? text : "")),
    });
    expect(trip.argumentPieces).toBeGreaterThan(3);

    expect(bodies).toHaveLength(2);
    const [first, second] = await Promise.all(
      bodies.map(async (body) => {
        const response = await worker.post("/apply-template", body);
        return ((await response.json()) as { prompt: string }).prompt;
      }),
    );
    // From the question on, the second prompt contains the name, the arguments and the result of the call.
    const added = second?.slice(first?.indexOf(question)) ?? "";
    for (const texts of [question, weather.name, "Zürich", "HB", "3", result]) expect(added).toContain(texts);
  });
});
