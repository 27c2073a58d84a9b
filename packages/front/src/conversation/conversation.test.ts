import { genericFormat, type AnswerGrammarOptions } from "@waggle/chat-format/format";
import type { GenerateWork } from "@waggle/engine";
import type { JobSpec } from "@waggle/jobs";
import type { ChatOptions, Sampling } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { noPictures } from "../pictures/request-pictures.ts";
import { withConversation, type Conversation } from "./conversation.ts";

const messages = [{ role: "user" as const, content: "Hello" }];
const tool = (name: string, more: object = {}) => ({ type: "function" as const, function: { name, ...more } });

async function heldTo(
  options: ChatOptions,
  { sampling = { ignore_eos: false }, ...more }: Partial<Conversation & { sampling: Partial<Sampling> }> = {},
): Promise<AnswerGrammarOptions | undefined> {
  let held: AnswerGrammarOptions | undefined;
  const { work } = await withConversation(
    { work: { sampling } } as JobSpec<GenerateWork>,
    { messages, options, ...more },
    {
      chatFormat: () => Promise.resolve(genericFormat),
      readPictures: () => Promise.resolve(noPictures),
      async answerGrammar(wish) {
        held = wish;
        return 'root ::= "a"';
      },
    },
  );
  expect(work.answerGrammar === undefined).toBe(held === undefined);
  return held;
}

describe("an answer has a grammar", () => {
  it("if there are tools, whether a call is required or not", async () => {
    const tools = [tool("f", { parameters: { type: "object" }, strict: true }), tool("g")];
    const known = [{ name: "f", parameters: { type: "object" }, strict: true }, { name: "g" }];
    expect(await heldTo({ tools })).toMatchObject({ tools: known, choice: "auto", parallel: true });
    expect(await heldTo({ tools, tool_choice: "required", parallel_tool_calls: false })).toMatchObject({
      choice: "required",
      parallel: false,
    });
    expect(await heldTo({ tools, tool_choice: { type: "function", function: { name: "g" } } })).toMatchObject({
      tools: known,
      choice: { name: "g" },
    });
  });

  it("if only some tools are allowed, also with ignore_eos", async () => {
    const tools = [tool("f"), tool("g"), tool("h")];
    const allowed = (mode: "auto" | "required") => ({
      type: "allowed_tools" as const,
      allowed_tools: { mode, tools: [tool("g"), tool("h")] },
    });
    const callable = [{ name: "g" }, { name: "h" }];
    expect(await heldTo({ tools, tool_choice: allowed("auto") })).toMatchObject({ tools: callable, choice: "auto" });
    const endless = { sampling: { ignore_eos: true } };
    expect(await heldTo({ tools, tool_choice: allowed("required") }, endless)).toMatchObject({ choice: "required" });
  });

  it("if the content has a schema", async () => {
    const schema = { value: { type: "object" }, field: "json_schema" };
    expect(await heldTo({}, { schema })).toMatchObject({ tools: [], choice: "auto", schema: { type: "object" } });
  });

  it("only if there are tools or a schema; for optional calls, not if the request has its own grammar or ignore_eos", async () => {
    const tools = [tool("f")];
    expect(await heldTo({})).toBeUndefined();
    expect(await heldTo({ tools, tool_choice: "none" })).toBeUndefined();
    expect(await heldTo({ tools }, { sampling: { ignore_eos: true } })).toBeUndefined();
    expect(await heldTo({ tools }, { sampling: { grammar: 'root ::= "a"' } })).toBeUndefined();
  });
});
