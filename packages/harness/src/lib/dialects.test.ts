// Tests that both languages ask for the same and that what comes back is read alike.
import { describe, expect, it } from "vitest";
import { GenerateRequestSchema } from "@waggle/protocol";
import { nativeDialect, openAiDialect } from "./dialects.ts";

const wanted = { prompt: "a b", maxTokens: 5, seed: 3, sessionId: "s" };

describe("dialects", () => {
  it("ask for the same sampling and length", () => {
    const native = nativeDialect.body(wanted) as Record<string, unknown>;
    expect(GenerateRequestSchema.safeParse(native).success).toBe(true);
    const { session_id: _, ...common } = native;
    expect(openAiDialect.body(wanted)).toMatchObject(common);
    expect(native).toMatchObject({ max_tokens: 5, ignore_eos: true, seed: 3 });
  });

  it("read Waggle's events", () => {
    const { read } = nativeDialect;
    expect(read({ type: "queued", position: 1 })).toEqual({});
    expect(read({ type: "started", prompt_tokens: 4, cached_tokens: 3 })).toEqual({ promptTokens: 4, cachedTokens: 3 });
    expect(read({ type: "token", text: "x" })).toEqual({ text: "x" });
    expect(read({ type: "end", usage: { completion_tokens: 9 } })).toEqual({ completionTokens: 9 });
    expect(read({ type: "error", code: "engine_failed", message: "gone" })).toEqual({ error: "engine_failed: gone" });
  });

  it("read OpenAI's chunks", () => {
    const { read } = openAiDialect;
    expect(read({ choices: [{ text: "x" }] })).toEqual({ text: "x" });
    expect(read({ choices: [{ text: "", finish_reason: "length" }], usage: null })).toEqual({});
    const usage = { prompt_tokens: 4, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 3 } };
    expect(read({ choices: [], usage })).toEqual({ promptTokens: 4, cachedTokens: 3, completionTokens: 9 });
    expect(read({ error: { message: "full" } })).toEqual({ error: "full" });
  });
});
