// Builds output items during generation: their events, and the items themselves. Shapes after OpenAI's API reference (Responses, streaming
// events).
import type { Logprob, TokenEvent } from "@waggle/protocol";
import { callOf } from "../../conversation/parts.ts";
import { argumentsOf } from "../../calls/call-messages.ts";
import { chatLogprobs } from "../openai/answer.ts";
import { createCollectedLogprobs } from "../../generation/collected-logprobs.ts";
import { createStringArgumentReader } from "./string-argument.ts";
import type { ClientTool } from "./tools.ts";

export type Json = Record<string, unknown>;
export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** An unfinished item. Its events have no sequence numbers yet. */
export interface OpenItem {
  readonly kind: "message" | "reasoning" | "call";
  /** The events after response.output_item.added. */
  readonly opening: readonly Json[];
  /** @throws WaggleError invalid_argument beyond the limit on logprobs */
  add(token: TokenEvent): readonly Json[];
  /** The events before response.output_item.done. */
  closing(): readonly Json[];
  /** The item so far. */
  item(status: ItemStatus): Json;
}

/** Fields that each event of an item has. */
export interface ItemPlace {
  readonly item_id: string;
  readonly output_index: number;
}

export function openMessage(place: ItemPlace): OpenItem {
  const at = { ...place, content_index: 0 };
  const logprobs = createCollectedLogprobs(1);
  let text = "";
  const part = (): Json => ({ type: "output_text", text, annotations: [], logprobs: shown(logprobs.of(0)) });
  return {
    kind: "message",
    opening: [{ type: "response.content_part.added", ...at, part: part() }],
    add(token) {
      const entries = token.logprobs ?? [];
      if (token.text === "" && entries.length === 0) return [];
      text += token.text;
      logprobs.add(0, entries);
      return [{ type: "response.output_text.delta", ...at, delta: token.text, logprobs: shown(entries) }];
    },
    closing: () => [
      { type: "response.output_text.done", ...at, text, logprobs: shown(logprobs.of(0)) },
      { type: "response.content_part.done", ...at, part: part() },
    ],
    item: (status) => ({
      id: place.item_id,
      type: "message",
      status,
      role: "assistant",
      content: status === "in_progress" ? [] : [part()],
    }),
  };
}

/** The model's reasoning. The whole text is in the summary, where clients search for reasoning. */
export function openReasoning(place: ItemPlace): OpenItem {
  const at = { ...place, summary_index: 0 };
  let text = "";
  const part = (): Json => ({ type: "summary_text", text });
  return {
    kind: "reasoning",
    opening: [{ type: "response.reasoning_summary_part.added", ...at, part: part() }],
    add(token) {
      if (token.text === "") return [];
      text += token.text;
      return [{ type: "response.reasoning_summary_text.delta", ...at, delta: token.text }];
    },
    closing: () => [
      { type: "response.reasoning_summary_text.done", ...at, text },
      { type: "response.reasoning_summary_part.done", ...at, part: part() },
    ],
    // Clients that manage their history send back only items with `encrypted_content`, so the field is present, but empty.
    item: (status) => ({
      id: place.item_id,
      type: "reasoning",
      summary: status === "in_progress" ? [] : [part()],
      encrypted_content: "",
    }),
  };
}

export function openCall(place: ItemPlace, callId: string, tool: ClientTool): OpenItem {
  if (tool.type === "mcp") return openMcpCall(place, tool);
  if (tool.type === "tool_search") return openSearch(place, callId);
  const { name, namespace } = tool;
  const called = { call_id: callId, name, ...(namespace === undefined ? {} : { namespace }) };
  return tool.type === "custom" ? openCustomCall(place, called) : openFunctionCall(place, called);
}

function openFunctionCall(place: ItemPlace, called: Json): OpenItem {
  let text = "";
  return {
    kind: "call",
    opening: [],
    add(token) {
      if (token.text === "") return [];
      text += token.text;
      return [{ type: "response.function_call_arguments.delta", ...place, delta: token.text }];
    },
    closing: () => [{ type: "response.function_call_arguments.done", ...place, name: called["name"], arguments: text }],
    item: (status) => ({ id: place.item_id, type: "function_call", status, arguments: text, ...called }),
  };
}

/** A call that the worker runs. Its result comes after the calls of the same message. */
function openMcpCall(place: ItemPlace, { name, server }: ClientTool): OpenItem {
  let text = "";
  return {
    kind: "call",
    opening: [{ type: "response.mcp_call.in_progress", ...place }],
    add(token) {
      if (token.text === "") return [];
      text += token.text;
      return [{ type: "response.mcp_call_arguments.delta", ...place, delta: token.text }];
    },
    closing: () => [{ type: "response.mcp_call_arguments.done", ...place, arguments: text }],
    item: (status) => ({
      id: place.item_id,
      type: "mcp_call",
      status,
      server_label: server,
      name,
      arguments: text,
      output: null,
      error: null,
      approval_request_id: null,
    }),
  };
}

/** OpenAI's API has no events for the arguments of a search, and sends them parsed. Arguments that are cut stay text. */
function openSearch(place: ItemPlace, callId: string): OpenItem {
  let text = "";
  return {
    kind: "call",
    opening: [],
    add(token) {
      text += token.text;
      return [];
    },
    closing: () => [],
    item: (status) => ({
      id: place.item_id,
      type: "tool_search_call",
      status,
      execution: "client",
      call_id: callId,
      arguments: argumentsOf(callOf(callId, "tool_search", text)) ?? text,
    }),
  };
}

function openCustomCall(place: ItemPlace, called: Json): OpenItem {
  const input = createStringArgumentReader();
  return {
    kind: "call",
    opening: [],
    add(token) {
      const delta = input.read(token.text);
      return delta === "" ? [] : [{ type: "response.custom_tool_call_input.delta", ...place, delta }];
    },
    closing: () => [{ type: "response.custom_tool_call_input.done", ...place, input: input.text }],
    item: (status) => ({
      id: place.item_id,
      type: "custom_tool_call",
      status,
      input: status === "in_progress" ? "" : input.text,
      ...called,
    }),
  };
}

function shown(entries: readonly Logprob[]): unknown {
  return entries.length === 0 ? [] : chatLogprobs(entries)["content"];
}
