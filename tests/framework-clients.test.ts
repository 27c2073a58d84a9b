// Tests a whole tool round trip of unmodified agent frameworks over OpenAI's chat completions, with a scripted model that thinks.
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killDaemons } from "./support/daemon.ts";
import { withLlamaIndex, withOpenAiAgents } from "./support/framework-round-trips.ts";
import { spawnScriptedWorker, type ScriptedWorker } from "./support/scripted-worker.ts";

const args = { city: 'Zürich "HB"', days: 3 };
const thought = "I should look, 🐝.";
const answer = "It will rain in Zürich.";
const call = `<tool_call>\n{"name": "get_weather", "arguments": ${JSON.stringify(args)}}\n</tool_call>`;
const says = [`<think>\n${thought}\n</think>\n\n${call}`, `<think>\n${thought}\n</think>\n\n${answer}`];

let worker: ScriptedWorker;
beforeAll(async () => {
  const template = llamaTemplates().get("Qwen-Qwen3-0.6B") as string;
  worker = await spawnScriptedWorker({ template, context: 8_192 }, ["--slots", "1"]);
});
afterAll(killDaemons);

test.each([
  ["@openai/agents", withOpenAiAgents],
  ["LlamaIndex", withLlamaIndex],
])("%s makes a whole tool round trip", async (_, roundTrip) => {
  const bodies: Readonly<Record<string, unknown>>[] = [];
  const trip = await roundTrip({
    ...{ url: worker.url, question: "What will the weather be in Zürich?", result: "Rain, 11 degrees." },
    fetch: worker.fetchSaying(says, (body) => bodies.push(body)),
    tool: {
      name: "get_weather",
      description: "The weather in a city.",
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
        required: ["city", "days"],
        additionalProperties: true,
      },
    },
  });
  expect(trip.calls).toEqual([{ name: "get_weather", args }]);
  expect(trip.texts).toEqual(["", answer]);
  expect(trip.argumentPieces).toBeGreaterThan(3);
  // Some frameworks do not show thoughts.
  expect(trip.thoughts?.map((text) => text.trim()) ?? [thought, thought]).toEqual([thought, thought]);
  expect(bodies).toHaveLength(2);
  expect(JSON.stringify(bodies[1])).toContain("Rain, 11 degrees.");
});
