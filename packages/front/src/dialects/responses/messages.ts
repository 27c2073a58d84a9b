// Converts the items of a conversation to messages for chat templates. Successive reasoning, texts and calls become one message of the assistant,
// as the model generated them. Items between a call and its result join that message too, since templates accept no message there.
import { failedOutcome } from "@waggle/mcp";
import type { CallOutcome } from "@waggle/mcp";
import type { ResponseItem, ToolCall } from "@waggle/protocol";
import { withUserMessage } from "../../conversation/messages.ts";
import { callOf, customArgument, readAnswer, readContent, readable, contentText } from "../../conversation/parts.ts";
import type { Content, PromptMessage } from "../../conversation/parts.ts";
import { withOneSystemMessage } from "../../conversation/system-messages.ts";
import { markedResult } from "../../calls/call-messages.ts";
import { toFunctionName } from "./tools.ts";

export interface ItemsAround {
  /** Number of items of earlier responses, which come before the request's input. */
  readonly earlier?: number;
  /** MCP servers whose tools the request has: their lists are not repeated. */
  readonly servers?: ReadonlySet<string>;
}

/** @param instructions become the first message */
export function messagesOf(
  instructions: string | null | undefined,
  items: readonly ResponseItem[],
  { earlier = 0, servers = new Set() }: ItemsAround = {},
): readonly PromptMessage[] {
  const messages: PromptMessage[] = [];
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

  function add(message: PromptMessage): void {
    finishAnswer();
    messages.push(message);
  }

  function think(text: string): void {
    if (answer.calls.length === 0 && (answer.thoughts ?? answer.words) !== undefined) finishAnswer();
    answer.thoughts = joined(answer.thoughts, text === "" ? undefined : text);
  }

  function say(text: string): void {
    if (answer.calls.length === 0 && answer.words !== undefined) finishAnswer();
    answer.words = joined(answer.words, text);
  }

  const result = (id: string | null | undefined, content: Content): void =>
    add({ role: "tool", tool_call_id: id ?? "", content });

  if (instructions != null && instructions !== "") add({ role: "system", content: instructions });
  for (const [index, item] of items.entries()) {
    const field = `input.${index - earlier}`;
    switch (item.type) {
      case undefined:
      case null:
      case "message": {
        if (item.role !== "assistant") {
          add({ role: item.role, content: readContent(item.content, `${field}.content`) });
          break;
        }
        const { words, thoughts } = readAnswer(item.content, `${field}.content`);
        if (thoughts !== "") think(thoughts);
        say(contentText(words));
        break;
      }
      case "agent_message": {
        const text = contentText(readContent(item.content, `${field}.content`));
        add({ role: "user", content: `[Message of the agent ${JSON.stringify(item["author"])}]\n${text}` });
        break;
      }
      case "reasoning":
        think(thoughtsOf(item));
        break;
      case "function_call":
        answer.calls.push(callOf(item.call_id, toFunctionName(item), item.arguments));
        break;
      case "custom_tool_call":
        answer.calls.push(callOf(item.call_id, toFunctionName(item), { [customArgument]: item.input }));
        break;
      case "mcp_call": {
        const id = item.id ?? `mcp_${messages.length}`;
        const { server_label: server, name, arguments: json } = item;
        answer.calls.push(callOf(id, `${server}__${name}`, json));
        result(id, markedResult({ name, server }, outcomeOf(item)));
        break;
      }
      case "function_call_output":
      case "custom_tool_call_output":
        result(item.call_id, resultIn(item.output, `${field}.output`));
        break;
      case "additional_tools":
      case "item_reference":
        break;
      case "mcp_list_tools":
        if (servers.has(String(item["server_label"]))) break;
        say(`[The MCP server ${JSON.stringify(item["server_label"])} ${toolListNote(item)}]`);
        break;
      case "mcp_approval_request":
      case "configuration_update":
        say(contentText(readContent(item, field)));
        break;
      case "mcp_approval_response":
        add({ role: "user", content: approvalOf(item, field) });
        break;
      default: {
        const id = typeof item["call_id"] === "string" ? item["call_id"] : (item.id ?? "");
        const { name, given = [], came }: ToolItem = toolItems[item.type];
        if (name !== undefined) {
          const known = given.flatMap((key) => (item[key] == null ? [] : [[key, item[key]] as const]));
          answer.calls.push(
            callOf(id, name, item.type === "tool_search_call" ? item["arguments"] : Object.fromEntries(known)),
          );
        }
        if (came !== undefined) result(id, cameOf(item, came, `${field}.${came}`));
      }
    }
  }
  finishAnswer();
  return withUserMessage(withOneSystemMessage(messages));
}

interface ToolItem {
  readonly name?: string;
  readonly given?: readonly string[];
  readonly came?: string;
}

/**
 * Calls of OpenAI's tools, and what came of them. `name`: the call's, and `given`: the fields with its arguments. `came`: the field with the result,
 * which the same item has or a later one.
 */
const toolItems = {
  apply_patch_call: { name: "apply_patch", given: ["operation"] },
  apply_patch_call_output: { came: "output" },
  code_interpreter_call: { name: "code_interpreter", given: ["code"], came: "outputs" },
  computer_call: { name: "computer", given: ["action", "actions"] },
  computer_call_output: { came: "output" },
  file_search_call: { name: "file_search", given: ["queries"], came: "results" },
  image_generation_call: { name: "image_generation", given: ["revised_prompt"], came: "result" },
  local_shell_call: { name: "local_shell", given: ["action"] },
  local_shell_call_output: { came: "output" },
  multi_agent_call: { name: "multi_agent", given: ["action", "arguments"] },
  multi_agent_call_output: { came: "output" },
  program: { name: "program", given: ["code"] },
  program_output: { came: "result" },
  shell_call: { name: "shell", given: ["action"] },
  shell_call_output: { came: "output" },
  tool_search_call: { name: "tool_search" },
  tool_search_output: { came: "tools" },
  web_search_call: { name: "web_search", given: ["action"], came: "results" },
} as const satisfies Record<string, ToolItem>;

/** The result of a tool that OpenAI or the client ran. */
function cameOf(item: Readonly<Record<string, unknown>>, field: string, path: string): Content {
  const came = item[field];
  if (item["type"] === "image_generation_call" && typeof came === "string") {
    return readContent({ type: "image", data: came }, path);
  }
  if (item["type"] === "computer_call_output") {
    const isPart = typeof came !== "string" && !Array.isArray(came);
    return readContent(isPart ? { type: "computer_screenshot", ...(came as object) } : came, path);
  }
  const text = typeof came === "string" ? came : JSON.stringify(readable(came, Array.isArray(came)));
  const status = item["status"];
  const isKnown = typeof status === "string" && status !== "completed";
  const lines = [isKnown ? `[${status}]` : "", text ?? (isKnown ? "" : "[The request has no result of this call]")];
  return lines.filter((line) => line !== "").join("\n");
}

function toolListNote({ tools, error }: Readonly<Record<string, unknown>>): string {
  if (error != null) return `has no list of tools: ${textOrJson(error)}`;
  const names = Array.isArray(tools) ? tools.map((tool: { name?: unknown } | null) => String(tool?.name)) : [];
  return `has the tools ${names.join(", ") || "of an unknown list"}`;
}

function textOrJson(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function approvalOf(item: Readonly<Record<string, unknown>>, field: string): Content {
  const reason = typeof item["reason"] === "string" ? `: ${item["reason"]}` : "";
  if (item["approve"] !== true) return `[The user does not allow the call${reason}]`;
  const why = "calls that need consent are not supported; use tools that the worker's operator lists as needing none";
  return [{ type: "unread", note: `[The user allows the call${reason}]`, field, why }];
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

/** The reasoning's text; the summary if the client has only a summary. */
function thoughtsOf({ content, summary, encrypted_content: encrypted }: Extract<ResponseItem, { type: "reasoning" }>) {
  const [parts = []] = [content, summary].filter((given) => given != null && (given as unknown[]).length !== 0);
  const texts = (Array.isArray(parts) ? parts : [parts]).map((part) => contentText(readContent([part], "")));
  return texts.length > 0 || encrypted == null || encrypted === ""
    ? texts.join("\n\n")
    : "[encrypted reasoning, left out]";
}

function outcomeOf({ output, error }: Extract<ResponseItem, { type: "mcp_call" }>): CallOutcome {
  const text = output == null ? undefined : contentText(readContent(output, ""));
  if (error != null) return { kind: "tool_error", text: joined(textOrJson(error), text) ?? "" };
  return text === undefined ? failedOutcome("unknown", "The call has no result.") : { kind: "done", text };
}

/** The output of a call: one text, or parts if there are pictures or notes. */
function resultIn(output: unknown, field: string): Content {
  const content = readContent(output, field);
  return typeof content === "string" || content.some(({ type }) => type !== "text") ? content : contentText(content);
}
