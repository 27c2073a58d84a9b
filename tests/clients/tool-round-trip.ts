// Owns round trips with common clients: a question, a call of a tool, its result, and the final answer. All answers are streamed.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { AIMessageChunk } from "@langchain/core/messages";
import { HumanMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";

export interface RoundTripOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly question: string;
  /** The only tool. */
  readonly tool: { readonly name: string; readonly description: string; readonly parameters: object };
  /** Result of the tool. */
  readonly result: string;
}

/** What the client shows. */
export interface RoundTrip {
  /** Absent if the client does not show thoughts. */
  readonly thoughts?: readonly string[];
  /** The texts of both answers: first the text next to the calls, then the final answer. */
  readonly texts: readonly string[];
  readonly calls: readonly { readonly name: string; readonly args: unknown }[];
  /** Number of pieces in which the arguments arrived. */
  readonly argumentPieces: number;
}

export type RoundTripClient = (options: RoundTripOptions) => Promise<RoundTrip>;

export const roundTripClients: ReadonlyMap<string, RoundTripClient> = new Map([
  ["the openai client", withOpenAi],
  ["the AI SDK", withAiSdk],
  ["LangChain", withLangChain],
]);

async function withOpenAi({ url, fetch, question, tool: about, result }: RoundTripOptions): Promise<RoundTrip> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, fetch });
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: question }];
  const tools = [{ type: "function" as const, function: about as OpenAI.FunctionDefinition }];
  const thoughts: string[] = [];
  let argumentPieces = 0;
  const ask = async (): Promise<OpenAI.ChatCompletionMessage> => {
    const stream = client.chat.completions.stream({ model: "m", messages, tools });
    let thought = "";
    stream.on("tool_calls.function.arguments.delta", () => (argumentPieces += 1));
    // The client does not know the field of thoughts, and keeps only the last piece of an unknown field.
    stream.on("chunk", ({ choices: [choice] }) => {
      thought += (choice?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? "";
    });
    const message = (await stream.finalChatCompletion()).choices[0]?.message as OpenAI.ChatCompletionMessage;
    thoughts.push(thought);
    return { ...message, ...(thought === "" ? {} : { reasoning_content: thought }) };
  };

  const calling = await ask();
  messages.push(calling);
  const calls = (calling.tool_calls ?? []).filter((call) => call.type === "function");
  for (const { id } of calls) messages.push({ role: "tool", tool_call_id: id, content: result });
  const answer = await ask();
  return {
    ...{ thoughts, argumentPieces, texts: [calling.content ?? "", answer.content ?? ""] },
    calls: calls.map(({ function: { name, arguments: json } }) => ({ name, args: JSON.parse(json) as unknown })),
  };
}

async function withAiSdk({ url, fetch, question, tool: about, result }: RoundTripOptions): Promise<RoundTrip> {
  const model = createOpenAICompatible({ name: "waggle", baseURL: `${url}/v1`, fetch })("m");
  const calls: { name: string; args: unknown }[] = [];
  const stream = streamText({
    ...{ model, prompt: question, stopWhen: stepCountIs(3) },
    tools: {
      [about.name]: tool({
        description: about.description,
        inputSchema: jsonSchema(about.parameters),
        execute: (args) => {
          calls.push({ name: about.name, args });
          return result;
        },
      }),
    },
  });
  let argumentPieces = 0;
  for await (const part of stream.fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "tool-input-delta") argumentPieces += 1;
  }
  const steps = await stream.steps;
  const thoughts = steps.map(({ reasoningText }) => reasoningText ?? "");
  return { thoughts, argumentPieces, texts: steps.map(({ text }) => text), calls };
}

async function withLangChain({ url, fetch, question, tool: about, result }: RoundTripOptions): Promise<RoundTrip> {
  const model = new ChatOpenAI({
    model: "m",
    apiKey: "none",
    maxRetries: 0,
    configuration: { baseURL: `${url}/v1`, fetch },
  });
  const bound = model.bindTools([{ type: "function", function: about }]);
  const messages: BaseMessage[] = [new HumanMessage(question)];
  let argumentPieces = 0;
  const ask = async (): Promise<AIMessageChunk> => {
    let whole: AIMessageChunk | undefined;
    for await (const chunk of await bound.stream(messages)) {
      argumentPieces += (chunk.tool_call_chunks ?? []).filter(({ args = "" }) => args !== "").length;
      whole = whole === undefined ? chunk : whole.concat(chunk);
    }
    return whole as AIMessageChunk;
  };

  const calling = await ask();
  const calls = calling.tool_calls ?? [];
  messages.push(calling, ...calls.map(({ id = "" }) => new ToolMessage({ content: result, tool_call_id: id })));
  const answer = await ask();
  return { argumentPieces, texts: [calling.text, answer.text], calls: calls.map(({ name, args }) => ({ name, args })) };
}
