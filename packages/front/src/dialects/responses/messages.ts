// Converts the items of a conversation to messages for chat templates. Successive reasoning, texts and calls become one message of the assistant,
// as the model generated them. Items between a call and its result join that message too, since templates accept no message there.
import { failedOutcome } from "@waggle/mcp";
import type { CallOutcome } from "@waggle/mcp";
import type { ChatMessage, ResponseContent, ResponseItem, ToolCall } from "@waggle/protocol";
import { withUserMessage } from "../../conversation/messages.ts";
import { withOneSystemMessage } from "../../conversation/system-messages.ts";
import { markedResult } from "../../turns/turn-messages.ts";
import { customArgument, toFunctionName } from "./tools.ts";

/** @param instructions become the first message */
export function messagesOf(
  instructions: string | null | undefined,
  items: readonly ResponseItem[],
): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  let answer = emptyAnswer();

  function finishAnswer(): void {
    const { thoughts, words, calls } = answer;
    if (thoughts === undefined && words === undefined && calls.length === 0) return;
    messages.push({
      role: "assistant",
      content: words ?? "",
      ...(thoughts === undefined ? {} : { reasoning_content: thoughts }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    });
    answer = emptyAnswer();
  }

  function add(message: ChatMessage): void {
    finishAnswer();
    messages.push(message);
  }

  if (instructions != null && instructions !== "") add({ role: "system", content: instructions });
  for (const item of items) {
    switch (item.type) {
      case undefined:
      case "message":
        if (item.role !== "assistant") add({ role: item.role, content: contentOf(item.content) });
        else {
          if (answer.calls.length === 0 && answer.words !== undefined) finishAnswer();
          answer.words = joined(answer.words, textOf(item.content));
        }
        break;
      case "reasoning":
        if (answer.calls.length === 0 && (answer.thoughts ?? answer.words) !== undefined) finishAnswer();
        answer.thoughts = joined(answer.thoughts, thoughtsOf(item));
        break;
      case "function_call":
        answer.calls.push(callOf(item, item.arguments));
        break;
      case "custom_tool_call":
        answer.calls.push(callOf(item, JSON.stringify({ [customArgument]: item.input })));
        break;
      case "mcp_call": {
        const id = item.id ?? `mcp_${messages.length}`;
        const { server_label: server, name, arguments: json } = item;
        answer.calls.push({ id, type: "function", function: { name: `${server}__${name}`, arguments: json } });
        add({ role: "tool", tool_call_id: id, content: markedResult({ name, server }, outcomeOf(item)) });
        break;
      }
      case "function_call_output":
      case "custom_tool_call_output":
        add({ role: "tool", tool_call_id: item.call_id, content: resultOf(item.output) });
        break;
      default:
        break;
    }
  }
  finishAnswer();
  return withUserMessage(withOneSystemMessage(messages));
}

/** An unfinished message of the assistant. */
interface Answer {
  thoughts: string | undefined;
  words: string | undefined;
  readonly calls: ToolCall[];
}

function emptyAnswer(): Answer {
  return { thoughts: undefined, words: undefined, calls: [] };
}

function joined(text: string | undefined, more: string | undefined): string | undefined {
  const texts = [text, more].filter((part) => part !== undefined && part !== "");
  return texts.length === 0 ? (text ?? more) : texts.join("\n\n");
}

function callOf(
  item: { readonly call_id: string; readonly name: string; readonly namespace?: string | null | undefined },
  json: string,
): ToolCall {
  return { id: item.call_id, type: "function", function: { name: toFunctionName(item), arguments: json } };
}

/** The reasoning's text; the summary if the client has only a summary. */
function thoughtsOf({ content, summary }: Extract<ResponseItem, { type: "reasoning" }>): string | undefined {
  const parts = content != null && content.length > 0 ? content : (summary ?? []);
  return parts.length === 0 ? undefined : parts.map(({ text }) => text).join("\n\n");
}

function outcomeOf({ output, error }: Extract<ResponseItem, { type: "mcp_call" }>): CallOutcome {
  if (error != null) return { kind: "tool_error", text: typeof error === "string" ? error : JSON.stringify(error) };
  return output == null ? failedOutcome("unknown", "The call has no result.") : { kind: "done", text: output };
}

type Content = Extract<ChatMessage, { role: "user" }>["content"];
type Part = Exclude<ResponseContent, string>[number];

/** Keeps a list of several parts, which templates accept. */
function contentOf(content: ResponseContent): Content {
  if (typeof content === "string") return content;
  const [first, ...rest] = content.map(partOf);
  return first?.type === "text" && rest.length === 0 ? first.text : [...(first === undefined ? [] : [first, ...rest])];
}

/** The output of a call: one text, or parts if there are pictures. */
function resultOf(output: ResponseContent): Content {
  const isText = typeof output === "string" || output.every(({ type }) => type !== "input_image");
  return isText ? textOf(output) : contentOf(output);
}

function partOf(part: Part): Exclude<Content, string>[number] {
  if (part.type === "input_image") return { type: "image_url", image_url: { url: part.image_url } };
  return { type: "text", text: partText(part) };
}

function textOf(content: ResponseContent): string {
  return typeof content === "string" ? content : content.map(partText).join("");
}

function partText(part: Part): string {
  if (part.type === "input_image") return "";
  return part.type === "refusal" ? part.refusal : part.text;
}
