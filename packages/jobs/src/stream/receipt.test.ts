import { createHash } from "node:crypto";
import type { GenerateWork } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import type { EndEvent, Receipt } from "@waggle/protocol";
import { expect, test } from "vitest";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createJob } from "../job/new-job.ts";
import { record } from "./receipt.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const messages: GenerateWork["prompt"] = { kind: "messages", messages: [{ role: "user", content: "x" }] };

function jobOf(more: Partial<GenerateWork>, replayBufferBytes = 1_024): Job {
  const sampling = SamplingSchema.parse({ seed: 7 });
  const spec: JobSpec = {
    model: "m",
    who: { client: "a", trace: "t" },
    when: { priority: 0, onDisconnect: "cancel", direct: false },
    work: { kind: "generate", prompt: messages, choices: 1, sampling, stop: [], ...more },
  };
  return createJob(spec, { uid: "j", now: 0, replayBufferBytes, phase: "queued" });
}

function endOf(job: Job, more: Partial<EndEvent> = {}): EndEvent {
  const end = { type: "end", stream_id: "s", finish_reason: "stop", ...more } as EndEvent;
  record(job, end, () => ({ modelSha256: "m", modelFile: "m.gguf", templateSha256: "t" }));
  return job.log.terminal as EndEvent;
}

/** Returns the receipt of a job without output. */
function receiptOf(more: Partial<GenerateWork>): Receipt | undefined {
  return endOf(jobOf(more)).receipt;
}

test("the receipt has the template's hash for a conversation, and null for a plain prompt", () => {
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

test("the receipt has the hash of the answer grammar, or of the client's grammar", () => {
  expect(receiptOf({})?.sampling).not.toHaveProperty("grammar_sha256");
  expect(receiptOf({ answerGrammar: "root ::= [a]" })?.sampling.grammar_sha256).toBe(sha256("root ::= [a]"));
  const sampling = SamplingSchema.parse({ seed: 7, grammar: "root ::= [b]" });
  expect(receiptOf({ sampling })?.sampling.grammar_sha256).toBe(sha256("root ::= [b]"));
});

/** Returns the hashes of a job with these token events: of the receipt, and of each choice. */
function hashesOf(tokens: readonly { text: string; choice?: number }[], replayBufferBytes = 1 << 20): unknown[] {
  const job = jobOf({ choices: 3 }, replayBufferBytes);
  tokens.forEach((token, index) => job.log.append({ type: "token", stream_id: "s", index, t_ms: 0, ...token }));
  const choices = [0, 1, 2].map(() => ({ finish_reason: "stop" as const }));
  const { receipt, choices: ends = [] } = endOf(job, { choices });
  return [receipt?.text_sha256, ...ends.map(({ text_sha256: hash }) => hash)];
}

test.each([[[]], [["one"]], [["", "né", "🐝", ""]], [Array.from({ length: 3_000 }, (_, i) => `${i} 蜜蜂 `)]])(
  "the receipt has the hash of all texts together",
  (texts) => {
    expect(hashesOf(texts.map((text) => ({ text })))[0]).toBe(sha256(texts.join("")));
  },
);

test("each choice has a separate hash", () => {
  const tokens = [
    { text: "a", choice: 0 },
    { text: "b", choice: 2 },
    { text: "c", choice: 0 },
  ];
  expect(hashesOf(tokens)).toEqual(["ac", "ac", "", "b"].map(sha256));
});

test("the hashes are null if the log has dropped the beginning of the text", () => {
  const tokens = Array.from({ length: 10 }, () => ({ text: "a" }));
  expect(hashesOf(tokens, 1_024)).toEqual([null, null, null, null]);
});
