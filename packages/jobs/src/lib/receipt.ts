// Owns the receipt in a stream's end: what was said, by which model, from which settings, so that anybody can check it or have it again.
import { createHash } from "node:crypto";
import type { EndEvent, Receipt, StreamEvent } from "@waggle/protocol";
import type { Job } from "./job.ts";
import type { GenerateSpec } from "./job-spec.ts";

/** What the worker has loaded; undefined while it is not known, or where there is none. SHA-256 as 64 hexadecimal digits. */
export interface Fingerprints {
  /** Of the model's file; of a split one its parts one after the other. */
  readonly modelSha256: string | undefined;
  /** The name of the model's file. */
  readonly modelFile: string | undefined;
  /** Of the chat template's text. */
  readonly templateSha256: string | undefined;
}

/** What the job says goes into its log; the end with its receipt. */
export function record(job: Job, event: StreamEvent, fingerprints: (job: Job) => Fingerprints): void {
  if (event.type === "token") {
    if (job.adopted && job.log.nextToken === 0 && event.index > 0) job.beginsLate = true;
    job.digests.add(event);
  }
  job.log.append(toldOf(job, event, () => fingerprints(job)));
}

function toldOf(job: Job, event: StreamEvent, fingerprints: () => Fingerprints): StreamEvent {
  if (event.type === "end") return withReceipt(job, event, fingerprints());
  const file = event.type === "started" ? fingerprints().modelFile : undefined;
  return file === undefined ? event : ({ ...event, model_file: file } as StreamEvent);
}

/** An embed job has said nothing, and has no receipt; of an answer whose beginning is not here nobody could sign for the whole. */
function withReceipt({ spec, digests, beginsLate }: Job, end: EndEvent, fingerprints: Fingerprints): EndEvent {
  if (spec.kind !== "generate") return end;
  if (beginsLate) {
    const { message: _, ...rest } = end;
    return rest;
  }
  const receipt: Receipt = {
    text_sha256: digests.sha256(0),
    model_file: fingerprints.modelFile ?? null,
    model_sha256: fingerprints.modelSha256 ?? null,
    // Whoever brings a prompt as it is has used no template.
    template_sha256: (spec.prompt.kind === "messages" ? fingerprints.templateSha256 : undefined) ?? null,
    seed: spec.sampling.seed,
    sampling: samplingOf(spec),
  };
  const { choices } = end;
  return {
    ...end,
    ...(choices === undefined
      ? {}
      : { choices: choices.map((choice, index) => ({ ...choice, text_sha256: digests.sha256(index) })) }),
    receipt,
  };
}

/** A grammar may be as long as a book: its hash says which one it was. */
function samplingOf({ sampling, answerGrammar }: GenerateSpec): Receipt["sampling"] {
  const { seed: _, grammar = answerGrammar, ...values } = sampling;
  if (grammar === undefined) return values;
  return { ...values, grammar_sha256: createHash("sha256").update(grammar).digest("hex") };
}
