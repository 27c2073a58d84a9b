// Owns round trips with agent frameworks, which call the tool and continue the conversation themselves. Streamed chat completions.
import type { BaseTool, ChatMessage, ToolCall, ToolCallLLMMessageOptions } from "@llamaindex/core/llms";
import { OpenAI as LlamaIndexOpenAI } from "@llamaindex/openai";
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

/** Sends two requests, as LlamaIndex's agents do. */
export async function withLlamaIndex(options: RoundTripOptions): Promise<RoundTrip> {
  const { url, fetch, question, tool: about, result } = options;
  const llm = new LlamaIndexOpenAI({
    ...{ model: "m", apiKey: "none", baseURL: `${url}/v1`, maxRetries: 0 },
    additionalSessionOptions: { fetch },
  });
  const { name, description, parameters } = about;
  const tools: BaseTool[] = [{ metadata: { name, description, parameters: parameters as Record<string, unknown> } }];
  const messages: ChatMessage<ToolCallLLMMessageOptions>[] = [{ role: "user", content: question }];
  let argumentPieces = 0;
  const ask = async (): Promise<{ text: string; call: ToolCall | undefined }> => {
    let text = "";
    let call: ToolCall | undefined;
    for await (const { delta, options: more } of await llm.chat({ messages, tools, stream: true })) {
      text += delta;
      const [calling] = more !== undefined && "toolCall" in more ? more.toolCall : [];
      if (calling === undefined) continue;
      argumentPieces += 1;
      call = calling as ToolCall;
    }
    return { text, call };
  };

  const calling = await ask();
  const { call } = calling;
  if (call === undefined) throw new Error(`The answer has no tool call: ${calling.text}`);
  messages.push(
    { role: "assistant", content: calling.text, options: { toolCall: [call] } },
    { role: "user", content: result, options: { toolResult: { id: call.id, result, isError: false } } },
  );
  const answer = await ask();
  return { argumentPieces, texts: [calling.text, answer.text], calls: [{ name: call.name, args: call.input }] };
}
