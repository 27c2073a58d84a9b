// Makes the receipt in a stream's end event: hashes of text and model, and the settings, so that a client can check or repeat the answer.
import { createHash } from "node:crypto";
import type { GenerateWork } from "@waggle/engine";
import type { EndEvent, Receipt, StreamEvent } from "@waggle/protocol";
import type { Job } from "../job/job.ts";
import type { ReplayLog } from "./replay-log.ts";

/** Fingerprints of the loaded model. A value is undefined while it is unknown, or without a file. Hashes are SHA-256, as 64 hexadecimal digits. */
export interface Fingerprints {
  /** Hash of the model's file; for a split model, of its parts concatenated. */
  readonly modelSha256: string | undefined;
  /** The name of the model's file. */
  readonly modelFile: string | undefined;
  /** Hash of the chat template's text. */
  readonly templateSha256: string | undefined;
}

/** Appends the event to the job's log. Adds the model's file to a started event, and the receipt to an end event. */
export function record(job: Job, event: StreamEvent, fingerprints: (job: Job) => Fingerprints): void {
  job.log.append(withFingerprints(job, event, fingerprints));
}

function withFingerprints(job: Job, event: StreamEvent, fingerprints: (job: Job) => Fingerprints): StreamEvent {
  if (event.type === "end") return withReceipt(job, event, fingerprints(job));
  if (event.type !== "started") return event;
  const { modelFile: file } = fingerprints(job);
  return file === undefined ? event : { ...event, model_file: file };
}

/** Embed and rerank jobs have no receipt. If the job began elsewhere, message and receipt are left out: both need the answer's beginning. */
function withReceipt({ spec: { work }, log }: Job, end: EndEvent, fingerprints: Fingerprints): EndEvent {
  if (work.kind !== "generate") return end;
  if (log.begin > 0) {
    const { message: _, ...rest } = end;
    return rest;
  }
  const receipt: Receipt = {
    text_sha256: textHashOf(log, 0),
    model_file: fingerprints.modelFile ?? null,
    model_sha256: fingerprints.modelSha256 ?? null,
    // Only conversations use the template.
    template_sha256: (work.prompt.kind === "messages" ? fingerprints.templateSha256 : undefined) ?? null,
    seed: work.sampling.seed,
    sampling: samplingOf(work),
  };
  const { choices } = end;
  return {
    ...end,
    ...(choices === undefined
      ? {}
      : { choices: choices.map((choice, index) => ({ ...choice, text_sha256: textHashOf(log, index) })) }),
    receipt,
  };
}

/** Returns the SHA-256 of this choice's text, in UTF-8; null if the log has dropped the text's beginning. */
function textHashOf(log: ReplayLog, choice: number): string | null {
  if (log.firstToken > log.begin) return null;
  const tokens = log.tokensFrom(log.begin, Infinity).filter((token) => (token.choice ?? 0) === choice);
  return sha256(tokens.map(({ text }) => text).join(""));
}

/** Returns the sampling settings, with the grammar's hash instead of its text, which can be very long. */
function samplingOf({ sampling, answerGrammar }: GenerateWork): Receipt["sampling"] {
  const { seed: _, grammar = answerGrammar, ...values } = sampling;
  if (grammar === undefined) return values;
  return { ...values, grammar_sha256: sha256(grammar) };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
