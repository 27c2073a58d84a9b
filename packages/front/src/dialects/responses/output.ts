// Converts the tokens of an answer to the output of a response: items, and their events. The same tokens always give the same items and events.
import type { ResponseItem, TokenEvent } from "@waggle/protocol";
import { openCall, openMessage, openReasoning } from "./output-items.ts";
import type { Json, OpenItem } from "./output-items.ts";
import type { ClientTool } from "./tools.ts";

/** An event without its sequence number, which `framing` adds. */
export type OutputEvent = Json & { readonly type: string };

/** A finished item, in the form that a next request can have in its input. */
export type OutputItem = ResponseItem & { readonly id: string };

export interface Output {
  /** The events of a token. @throws WaggleError invalid_argument beyond the limit on logprobs */
  add(token: TokenEvent): readonly OutputEvent[];
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
}

export function createOutput({ key, fromFunctionName }: OutputOptions): Output {
  const items: OutputItem[] = [];
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
        return begin((place) => openCall(place, id, tool), tool.type === "custom" ? "ctc" : "fc");
      }
      case "arguments":
        return [];
    }
  }

  return {
    add(token) {
      if (token.part === "reasoning") reasoningTokens += token.ids?.length ?? 0;
      const events = turnTo(token);
      if (open === undefined || kindOf(token) !== open.kind) return events;
      return [...events, ...(open.add(token) as OutputEvent[])];
    },
    end(lastStatus) {
      const events = open === undefined && items.length === 0 ? begin(openMessage, "msg") : [];
      return [...events, ...close(lastStatus)];
    },
    items,
    get reasoningTokens() {
      return reasoningTokens;
    },
  };
}

function kindOf({ part }: TokenEvent): OpenItem["kind"] {
  if (part === "reasoning") return "reasoning";
  return part === undefined || part === "content" ? "message" : "call";
}
