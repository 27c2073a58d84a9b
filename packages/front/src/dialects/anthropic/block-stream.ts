// Builds the events of the blocks in a streamed answer. At most one block is open. Events after Anthropic's API reference (Streaming Messages).
import type { Job } from "@waggle/jobs";
import type { AnthropicBlock, AnthropicEvent, TokenEvent } from "@waggle/protocol";
import { blockTypeOf, callBlock, callIdOf, textBlock } from "./answer.ts";
import type { BlockType } from "./answer.ts";

type Events = readonly AnthropicEvent[];

export interface BlockStream {
  /** Number of calls so far. */
  readonly calls: number;
  token(token: TokenEvent): Events;
  /** An empty delta, in the open block, else in a new block of this type. */
  nothing(type: "thinking" | "text"): Events;
  /** Ends the open block, if any. */
  close(): Events;
}

export function createBlockStream(job: Pick<Job, "callKey">): BlockStream {
  let open: BlockType | undefined;
  let index = -1;
  let calls = 0;

  function close(): Events {
    if (open === undefined) return [];
    // Clients expect a signature for each thinking block; this server does not check signatures.
    const signed = open === "thinking" ? [delta({ type: "signature_delta", signature: "" })] : [];
    open = undefined;
    return [...signed, { type: "content_block_stop", index }];
  }

  function begin(block: AnthropicBlock): Events {
    const closed = close();
    open = block.type;
    index += 1;
    return [...closed, { type: "content_block_start", index, content_block: block }];
  }

  function delta(content: Delta): AnthropicEvent {
    return { type: "content_block_delta", index, delta: content };
  }

  return {
    get calls() {
      return calls;
    },
    token({ part, text, call }) {
      const type = blockTypeOf({ part });
      const begun: AnthropicEvent[] = [];
      if (part === "call") {
        begun.push(...begin(callBlock({ id: callIdOf(job, calls), name: call?.name ?? "" }, {})));
        calls += 1;
      }
      if (text === "") return begun;
      if (open !== type && type !== "tool_use") begun.push(...begin(emptyBlock(type)));
      return [...begun, delta(deltaOf(type, text))];
    },
    nothing(type) {
      const begun = open === undefined ? begin(emptyBlock(type)) : [];
      return [...begun, delta(deltaOf(open ?? type, ""))];
    },
    close,
  };
}

type Delta = Extract<AnthropicEvent, { type: "content_block_delta" }>["delta"];

function emptyBlock(type: "thinking" | "text"): AnthropicBlock {
  return type === "thinking" ? { type, thinking: "", signature: "" } : textBlock("");
}

function deltaOf(type: BlockType, text: string): Delta {
  switch (type) {
    case "thinking":
      return { type: "thinking_delta", thinking: text };
    case "text":
      return { type: "text_delta", text };
    case "tool_use":
      return { type: "input_json_delta", partial_json: text };
  }
}
