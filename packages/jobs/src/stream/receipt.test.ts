import { createHash } from "node:crypto";
import type { GenerateWork } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import type { EndEvent, Receipt } from "@waggle/protocol";
import { expect, test } from "vitest";
import type { JobSpec } from "../job/job-spec.ts";
import { createJob } from "../job/new-job.ts";
import { createTextDigests } from "../job/text-digests.ts";
import { record } from "./receipt.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const messages: GenerateWork["prompt"] = { kind: "messages", messages: [{ role: "user", content: "x" }] };

/** Returns the receipt of a job without output. */
function receiptOf(more: Partial<GenerateWork>, guessedTokens = 0): Receipt | undefined {
  const sampling = SamplingSchema.parse({ seed: 7 });
  const spec: JobSpec = {
    model: "m",
    who: { client: "a", trace: "t" },
    when: { priority: 0, onDisconnect: "cancel", direct: false },
    work: { kind: "generate", prompt: messages, choices: 1, sampling, stop: [], ...more },
  };
  const job = createJob(spec, { uid: "j", now: 0, replayBufferBytes: 1_024, phase: "queued" });
  job.state = { ...job.state, counts: { ...job.state.counts, guessedTokens } };
  const end = { type: "end", stream_id: "s", finish_reason: "stop" } as EndEvent;
  record(job, end, () => ({ modelSha256: "m", modelFile: "m.gguf", templateSha256: "t" }));
  return (job.log.terminal as EndEvent).receipt;
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
  const own = receiptOf({ sampling })?.sampling;
  expect(own?.grammar_sha256).toBe(sha256("root ::= [b]"));
  expect(own, "of any length").not.toHaveProperty("grammar");
});

test("the receipt has the hashes of the prompt's pictures", () => {
  expect(receiptOf({})).not.toHaveProperty("pictures_sha256");
  const pictures = ["a", "b"].map((text) => ({ sha256: sha256(text), bytes: Buffer.from(text) }));
  expect(receiptOf({ pictures })?.pictures_sha256).toEqual([sha256("a"), sha256("b")]);
});

test("the receipt tells whether tokens were guessed", () => {
  expect(receiptOf({})).not.toHaveProperty("guesses");
  expect(receiptOf({}, 3)).toMatchObject({ guesses: true });
});

test.each([[[]], [["one"]], [["", "né", "🐝", ""]], [Array.from({ length: 3_000 }, (_, i) => `${i} 蜜蜂 `)]])(
  "the digest is the hash of all texts together",
  (texts) => {
    const digests = createTextDigests();
    for (const text of texts) digests.add({ text });
    expect(digests.sha256(0)).toBe(sha256(texts.join("")));
    expect(digests.sha256(0), "asked again").toBe(sha256(texts.join("")));
  },
);

test("each choice has a separate digest", () => {
  const digests = createTextDigests();
  digests.add({ text: "a", choice: 0 });
  digests.add({ text: "b", choice: 2 });
  digests.add({ text: "c", choice: 0 });
  expect([0, 1, 2].map((choice) => digests.sha256(choice))).toEqual([sha256("ac"), sha256(""), sha256("b")]);
});
