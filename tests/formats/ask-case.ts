// Owns how one recorded case is asked of a worker: its request, and what came back, once put together from the stream's
// pieces and once as the message at its end.
import type { LlamaCase, ReadAnswer } from "@waggle/chat-format/testing";
import type { WorkerClient } from "@waggle/client";
import type { AnswerMessage, ChatAbilities, EndEvent, GenerateRequestInput, Tool } from "@waggle/protocol";

export interface CaseAnswer {
  readonly whole: ReadAnswer;
  readonly byCharacters: ReadAnswer;
  readonly end: EndEvent;
}

const thinkingVariable = "enable_thinking";

/** @param chat what the worker says of its format */
export function requestOf(each: LlamaCase, chat: ChatAbilities): GenerateRequestInput {
  const { messages = [{ role: "user", content: "Hey there!" }], tools, toolChoice, schema, thinking } = each;
  return {
    messages: messages as GenerateRequestInput["messages"],
    ...(tools.length === 0 ? {} : { tools: tools.map(toolOf), tool_choice: toolChoice }),
    ...(tools.length === 0 ? {} : { parallel_tool_calls: each.parallel }),
    // What llama.cpp tells each template, as far as this one listens.
    ...(chat.template_variables.includes(thinkingVariable)
      ? { chat_template_kwargs: { [thinkingVariable]: thinking } }
      : {}),
    ...(schema === undefined ? {} : { json_schema: schema as Record<string, unknown> }),
    temperature: 0,
  };
}

/** The recorded tools are as a request has them. */
function toolOf(tool: LlamaCase["tools"][number]): Tool {
  return { type: "function", function: tool as Tool["function"] };
}

/** @throws Error when the stream has no end, with the worker's reason where there is one */
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
      if (begun === undefined) throw new Error(`Arguments of call ${call?.index} came before it`);
      begun.arguments += text;
    }
  }
  throw new Error("The stream had no end");
}

function readOf(message: AnswerMessage | undefined): ReadAnswer {
  const { content, reasoning_content: reasoning, tool_calls: calls = [] } = message ?? { content: null };
  return { reasoning: reasoning ?? "", content: content ?? "", calls: calls.map((call) => call.function) };
}
