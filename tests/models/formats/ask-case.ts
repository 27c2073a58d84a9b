// Sends a recorded case to a worker. The answer is kept twice: as the message at the end of the stream, and joined from the stream's pieces.
import type { LlamaCase, ReadAnswer } from "@waggle/chat-format/testing";
import type { WorkerClient } from "@waggle/client";
import type { AnswerMessage, ChatAbilities, EndEvent, GenerateRequestInput, Tool } from "@waggle/protocol";

export interface CaseAnswer {
  readonly whole: ReadAnswer;
  readonly byCharacters: ReadAnswer;
  readonly end: EndEvent;
}

const thinkingVariable = "enable_thinking";

/** @param chat the worker's description of its chat format */
export function requestOf(each: LlamaCase, chat: ChatAbilities): GenerateRequestInput {
  const { messages = [{ role: "user", content: "Hey there!" }], tools, toolChoice, schema, thinking } = each;
  return {
    messages: messages as GenerateRequestInput["messages"],
    ...(tools.length === 0 ? {} : { tools: tools.map(toolOf), tool_choice: toolChoice }),
    ...(tools.length === 0 ? {} : { parallel_tool_calls: each.parallel }),
    // llama.cpp sets this variable for every template; a worker accepts it only if the template uses it.
    ...(chat.template_variables.includes(thinkingVariable)
      ? { chat_template_kwargs: { [thinkingVariable]: thinking } }
      : {}),
    ...(schema === undefined ? {} : { json_schema: schema as Record<string, unknown> }),
    temperature: 0,
  };
}

function toolOf(tool: LlamaCase["tools"][number]): Tool {
  return { type: "function", function: tool as Tool["function"] };
}

/** @throws Error when the stream has no end event, with the worker's error message if there is one */
export async function ask(client: WorkerClient, request: GenerateRequestInput): Promise<CaseAnswer> {
  const pieces = { reasoning: "", content: "", calls: [] as { name: string; arguments: string }[] };
  for await (const event of client.inference(request)) {
    if (event.type === "error") throw new Error(event.message);
    if (event.type === "end") return { whole: readOf(event.message), byCharacters: pieces, end: event };
    if (event.type !== "token") continue;
    const { part = "content", text, call } = event;
    if (part === "content" || part === "reasoning") pieces[part] += text;
    else if (part === "call") pieces.calls.push({ name: call?.name ?? "", arguments: text });
    else {
      const begun = pieces.calls[call?.index ?? -1];
      if (begun === undefined) throw new Error(`Arguments of call ${call?.index} arrived before the call`);
      begun.arguments += text;
    }
  }
  throw new Error("The stream has no end event");
}

function readOf(message: AnswerMessage | undefined): ReadAnswer {
  const { content, reasoning_content: reasoning, tool_calls: calls = [] } = message ?? { content: null };
  return { reasoning: reasoning ?? "", content: content ?? "", calls: calls.map((call) => call.function) };
}
