// Owns the round trip with an agent framework, which calls the tool and continues the conversation itself. Streamed chat completions.
import { Agent, OpenAIChatCompletionsModel, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import type { RoundTrip, RoundTripOptions } from "./tool-round-trip.ts";

interface LooseParameters {
  type: "object";
  properties: Record<string, never>;
  required: string[];
  additionalProperties: true;
}

/** An agent with one tool: the framework calls the tool, and sends its result to the model. */
export async function withOpenAiAgents(options: RoundTripOptions): Promise<RoundTrip> {
  const { url, fetch, question, tool: about, result } = options;
  const calls: { name: string; args: unknown }[] = [];
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, fetch });
  const agent = new Agent({
    name: "weather reporter",
    instructions: "Be brief.",
    model: new OpenAIChatCompletionsModel(client, "m"),
    tools: [
      tool({
        name: about.name,
        description: about.description,
        parameters: about.parameters as LooseParameters,
        strict: false,
        execute(args) {
          calls.push({ name: about.name, args });
          return result;
        },
      }),
    ],
  });
  const run = await new Runner({ tracingDisabled: true }).run(agent, question, { stream: true });
  let argumentPieces = 0;
  for await (const event of run) {
    if (event.type !== "raw_model_stream_event" || event.data.type !== "model") continue;
    const chunk = event.data.event as OpenAI.ChatCompletionChunk;
    const pieces = chunk.choices?.[0]?.delta.tool_calls ?? [];
    argumentPieces += pieces.filter((piece) => (piece.function?.arguments ?? "") !== "").length;
  }
  await run.completed;
  const thoughts = run.newItems.flatMap((item) =>
    item.type === "reasoning_item" ? [item.rawItem.rawContent?.[0]?.text ?? ""] : [],
  );
  return { thoughts, calls, argumentPieces, texts: ["", run.finalOutput ?? ""] };
}
