// Owns how the tokens of an answer become the output of a response: items, one after the other, and the events about them. The same tokens
// give the same items and events each time.
import type { ResponseItem, TokenEvent } from "@waggle/protocol";
import { openCall, openMessage, openReasoning } from "./output-items.ts";
import type { Json, OpenItem } from "./output-items.ts";
import type { ClientTool } from "./tools.ts";

/** Without the sequence number, which the stream gives. */
export type OutputEvent = Json & { readonly type: string };

/** As it goes into the history of the next request. */
export type OutputItem = ResponseItem & { readonly id: string };

export interface Output {
  /** What the token adds. @throws WaggleError invalid_argument at more logprobs than are kept */
  add(token: TokenEvent): readonly OutputEvent[];
  /** Nothing more comes. An answer of nothing is one empty message. */
  end(lastStatus: "completed" | "incomplete"): readonly OutputEvent[];
  /** The items that are complete. */
  readonly items: readonly OutputItem[];
  readonly reasoningTokens: number;
}

export interface OutputOptions {
  /** What the ids of all items have in common. */
  readonly key: string;
  /** What a client calls the function that the model calls by this name. */
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

  /** The events that have to come before this token's own. */
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
