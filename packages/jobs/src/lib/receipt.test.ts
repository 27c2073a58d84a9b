import { createHash } from "node:crypto";
import { SamplingSchema } from "@waggle/protocol";
import type { EndEvent, Receipt } from "@waggle/protocol";
import { expect, test } from "vitest";
import type { GenerateSpec } from "./job-spec.ts";
import { createJob } from "./new-job.ts";
import { record } from "./receipt.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const messages: GenerateSpec["prompt"] = { kind: "messages", messages: [{ role: "user", content: "x" }] };

/** With which a job ends that has said nothing. */
function receiptOf(more: Partial<GenerateSpec>): Receipt | undefined {
  const spec: GenerateSpec = {
    kind: "generate",
    model: "m",
    scope: { client: "a", trace: "t" },
    priority: 0,
    onDisconnect: "cancel",
    direct: false,
    prompt: messages,
    choices: 1,
    sampling: SamplingSchema.parse({ seed: 7 }),
    contextShift: false,
    stop: [],
    ...more,
  };
  const job = createJob(spec, { uid: "j", now: 0, replayBufferBytes: 1_024, phase: "queued" });
  const end = { type: "end", stream_id: "s", finish_reason: "stop" } as EndEvent;
  record(job, end, () => ({ modelSha256: "m", modelFile: "m.gguf", templateSha256: "t" }));
  return (job.log.terminal as EndEvent).receipt;
}

test("a prompt that was made of messages has the template's hash, and one that came as it is has none", () => {
  expect(receiptOf({})).toMatchObject({
    model_file: "m.gguf",
    model_sha256: "m",
    template_sha256: "t",
    seed: 7,
  });
  expect(receiptOf({ prompt: { kind: "text", text: "x" } })).toMatchObject({
    model_sha256: "m",
    template_sha256: null,
  });
});

test("the grammar that tools and schemas become has its hash, as one of the client's own has", () => {
  expect(receiptOf({})?.sampling).not.toHaveProperty("grammar_sha256");
  expect(receiptOf({ answerGrammar: "root ::= [a]" })?.sampling.grammar_sha256).toBe(sha256("root ::= [a]"));
  const sampling = SamplingSchema.parse({ seed: 7, grammar: "root ::= [b]" });
  expect(receiptOf({ sampling })?.sampling.grammar_sha256).toBe(sha256("root ::= [b]"));
});
