// Converts the tokens of an answer to the output of a response: items, and their events. The same tokens always give the same items and events.
import type { ResponseItem, StreamEvent, TokenEvent, ToolResultEvent } from "@waggle/protocol";
import { openCall, openMessage, openReasoning } from "./output-items.ts";
import type { Json, OpenItem } from "./output-items.ts";
import type { ClientTool } from "./tools.ts";

/** An event without its sequence number, which `framing` adds. */
export type OutputEvent = Json & { readonly type: string };

/** A finished item, in the form that a next request can have in its input. */
export type OutputItem = ResponseItem & { readonly id: string };

export interface Output {
  /** The events of a token, or of an MCP call's result; none for other events. @throws WaggleError invalid_argument beyond the limit on logprobs */
  add(event: StreamEvent): readonly OutputEvent[];
  /** The first events: the lists of the MCP servers' tools. */
  opening(): readonly OutputEvent[];
  /** Ends the output; returns the last events. Output without items becomes one empty message. */
  end(lastStatus: "completed" | "incomplete"): readonly OutputEvent[];
  /** The finished items. */
  readonly items: readonly OutputItem[];
  readonly reasoningTokens: number;
}

export interface OutputOptions {
  /** Part of the ids of all items. */
  readonly key: string;
  /** The client's tool for this function name of the model. */
  readonly fromFunctionName: (name: string) => ClientTool;
  /** Items of type mcp_list_tools. */
  readonly toolLists?: readonly OutputItem[] | undefined;
}

export function createOutput({ key, fromFunctionName, toolLists = [] }: OutputOptions): Output {
  const items: OutputItem[] = [...toolLists];
  /** Places of the MCP calls without a result, by the call's id. */
  const running = new Map<string, number>();
  let open: OpenItem | undefined;
  let reasoningTokens = 0;

  function begin(make: (place: { item_id: string; output_index: number }) => OpenItem, prefix: string): OutputEvent[] {
    const events = close("completed");
    const place = { item_id: `${prefix}_${key}_${items.length}`, output_index: items.length };
    open = make(place);
    const added = { type: "response.output_item.added", output_index: items.length, item: open.item("in_progress") };
    return [...events, added, ...open.opening] as OutputEvent[];
  }

  function close(status: "completed" | "incomplete"): OutputEvent[] {
    if (open === undefined) return [];
    const item = open.item(status);
    if (item["type"] === "mcp_call") {
      const events = open.closing();
      // Its result replaces the item. An answer that ends before has an item without a result.
      items.push(open.item("incomplete") as OutputItem);
      open = undefined;
      return events as OutputEvent[];
    }
    const done = { type: "response.output_item.done", output_index: items.length, item };
    const events = [...open.closing(), done];
    items.push(item as OutputItem);
    open = undefined;
    return events as OutputEvent[];
  }

  /** The events before this token's events: the end of an item, the start of the next one. */
  function turnTo(token: TokenEvent): OutputEvent[] {
    switch (token.part) {
      case undefined:
      case "content":
        return open?.kind === "message" || token.text === "" ? [] : begin(openMessage, "msg");
      case "reasoning":
        return open?.kind === "reasoning" || token.text === "" ? [] : begin(openReasoning, "rs");
      case "call": {
        const { id = "", name = "" } = token.call ?? {};
        const tool = fromFunctionName(name);
        const events = begin((place) => openCall(place, id, tool), prefixes[tool.type]);
        if (tool.type === "mcp") running.set(id, items.length);
        return events;
      }
      case "arguments":
        return [];
    }
  }

  function addResult({ call_id: id, outcome, text }: ToolResultEvent): readonly OutputEvent[] {
    const events = close("completed");
    const index = running.get(id);
    const item = index === undefined ? undefined : items[index];
    if (index === undefined || item === undefined) return events;
    running.delete(id);
    const isDone = outcome === "done";
    const result = isDone ? { status: "completed", output: text } : { status: "failed", error: text };
    const ended = { ...item, ...result } as OutputItem;
    items[index] = ended;
    const type = isDone ? "response.mcp_call.completed" : "response.mcp_call.failed";
    return [
      ...events,
      { type, item_id: item.id, output_index: index },
      { type: "response.output_item.done", output_index: index, item: ended },
    ];
  }

  return {
    add(event) {
      if (event.type === "tool_result") return addResult(event);
      if (event.type !== "token") return [];
      if (event.part === "reasoning") reasoningTokens += event.ids?.length ?? 0;
      const events = turnTo(event);
      if (open === undefined || outputKind(event) !== open.kind) return events;
      return [...events, ...(open.add(event) as OutputEvent[])];
    },
    opening() {
      return toolLists.flatMap((item, index): OutputEvent[] => {
        const place = { item_id: item.id, output_index: index };
        return [
          { type: "response.output_item.added", output_index: index, item },
          { type: "response.mcp_list_tools.in_progress", ...place },
          { type: "response.mcp_list_tools.completed", ...place },
          { type: "response.output_item.done", output_index: index, item },
        ];
      });
    },
    end(lastStatus) {
      const events = open === undefined && items.length === toolLists.length ? begin(openMessage, "msg") : [];
      return [...events, ...close(lastStatus)];
    },
    items,
    get reasoningTokens() {
      return reasoningTokens;
    },
  };
}

/** Beginnings of the ids of calls. */
const prefixes = { function: "fc", custom: "ctc", tool_search: "tsc", mcp: "mcp" } as const;

function outputKind({ part }: TokenEvent): OpenItem["kind"] {
  if (part === "reasoning") return "reasoning";
  return part === undefined || part === "content" ? "message" : "call";
}
