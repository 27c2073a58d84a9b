// Makes the receipt in a stream's end event: hashes of text and model, and the settings, so that a client can check or repeat the answer.
import { createHash } from "node:crypto";
import type { GenerateWork } from "@waggle/engine";
import type { EndEvent, Receipt, StreamEvent } from "@waggle/protocol";
import type { Fingerprints, Job, StepReceipt } from "../job/job.ts";

/** Appends the event to the job's log, and adds the receipt to an end event. */
export function record(job: Job, event: StreamEvent, fingerprints: (job: Job) => Fingerprints): void {
  if (event.type === "token") {
    if (job.takenOver !== undefined && job.log.nextToken === 0 && event.index > 0) job.beginsLate = true;
    job.digests.add(event);
  }
  job.log.append(withFingerprints(job, event, fingerprints));
}

function withFingerprints(job: Job, event: StreamEvent, fingerprints: (job: Job) => Fingerprints): StreamEvent {
  if (event.type === "end") {
    job.computedBy = fingerprints(job);
    return withReceipts(job, event, job.computedBy);
  }
  if (event.type !== "started") return event;
  const { modelFile: file } = fingerprints(job);
  return file === undefined ? event : { ...event, model_file: file };
}

/** Adds the receipt of the step, whose message has calls. A recorded message has no receipt, because only its process knew its settings. */
export function recordStep(job: Job, fingerprints: Fingerprints): void {
  if (job.state.startedAt === undefined) return;
  const receipt = receiptOf(job, fingerprints);
  if (receipt !== undefined) job.receipts.push({ step: job.state.step.index, ...receipt });
}

/** If the log lacks the answer's beginning, message and receipt are left out: both need the whole answer. */
function withReceipts(job: Job, end: EndEvent, fingerprints: Fingerprints): EndEvent {
  const { digests, receipts } = job;
  if (job.beginsLate) {
    const { message: _, ...rest } = end;
    return rest;
  }
  const { index } = job.state.step;
  const last = job.state.step.calledAt === undefined ? receiptOf(job, fingerprints) : undefined;
  const all = last === undefined ? receipts : [...receipts, { step: index, ...last }];
  const { choices } = end;
  const digested = choices?.map((choice, at) => ({ ...choice, text_sha256: digests.sha256(at) }));
  return {
    ...end,
    ...(digested === undefined ? {} : { choices: digested }),
    ...(index > 0 ? { receipts: [...all] } : last === undefined ? withoutStep(all[0]) : { receipt: last }),
  };
}

function withoutStep(receipt: StepReceipt | undefined): Pick<EndEvent, "receipt"> {
  if (receipt === undefined) return {};
  const { step: _, ...rest } = receipt;
  return { receipt: rest };
}

/** Only jobs that generate have a receipt in their stream. */
function receiptOf(
  { spec: { work }, digests, state }: Job,
  fingerprints: Fingerprints,
): Omit<Receipt, "step"> | undefined {
  if (work.kind !== "generate") return undefined;
  return {
    text_sha256: digests.sha256(0),
    model_file: fingerprints.modelFile ?? null,
    model_sha256: fingerprints.modelSha256 ?? null,
    // Only conversations use the template.
    template_sha256: (work.prompt.kind === "messages" ? fingerprints.templateSha256 : undefined) ?? null,
    ...(work.pictures === undefined ? {} : { pictures_sha256: work.pictures.map(({ sha256 }) => sha256) }),
    seed: work.sampling.seed,
    sampling: receiptSampling(work),
    ...((state.counts.guessedTokens ?? 0) === 0 ? {} : { guesses: true }),
  };
}

/** Returns the sampling settings, with the grammar's hash instead of its text, which can be very long. */
function receiptSampling({ sampling, answerGrammar }: GenerateWork): Receipt["sampling"] {
  const { seed: _, grammar = answerGrammar, ...values } = sampling;
  if (grammar === undefined) return values;
  return { ...values, grammar_sha256: createHash("sha256").update(grammar).digest("hex") };
}
