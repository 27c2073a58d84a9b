// Builds a collected answer in Anthropic's dialect.
import type { Job } from "@waggle/jobs";
import type { AnthropicAnswer, AnthropicBlock, TokenEvent } from "@waggle/protocol";
import { objectIn } from "../../body/parse-json.ts";
import type { Collector } from "../../generation/dialect.ts";
import { anthropicUsage, blockTypeOf, callBlock, callIdOf, headOf, stopOf, textBlock } from "./answer.ts";
import type { BlockType } from "./answer.ts";

/** An unfinished block. The `text` of a call is its arguments as JSON. */
interface Draft {
  readonly type: BlockType;
  readonly call: { readonly id: string; readonly name: string };
  text: string;
}

const noCall = { id: "", name: "" };

export function anthropicCollector(job: Job, model: string): Collector {
  const drafts: Draft[] = [];
  let calls = 0;

  return {
    add(token: TokenEvent) {
      const type = blockTypeOf(token);
      if (token.part === "call") {
        drafts.push({ type, call: { id: callIdOf(job, calls), name: token.call?.name ?? "" }, text: "" });
        calls += 1;
      }
      if (token.text === "") return;
      if (drafts.at(-1)?.type !== type) drafts.push({ type, call: noCall, text: "" });
      const last = drafts.at(-1);
      if (last !== undefined) last.text += token.text;
    },
    body: (end): AnthropicAnswer => ({
      ...headOf(job, model),
      content: drafts.map(blockOf),
      ...stopOf(end, calls),
      usage: anthropicUsage(end.usage),
    }),
  };
}

function blockOf({ type, call, text }: Draft): AnthropicBlock {
  switch (type) {
    case "thinking":
      return { type, thinking: text, signature: "" };
    case "text":
      return textBlock(text);
    case "tool_use":
      // The input of a call that was cut is not valid JSON, and becomes an empty object.
      return callBlock(call, objectIn(text) ?? {});
  }
}
