// Owns the streamed answers of worker:test: asks for them, shows the first as it comes, and judges all of them.
import type { GenerateRequestInput } from "@waggle/protocol";
import { isEnough, proveRealness } from "./realness.ts";
import type { Report } from "./report.ts";
import type { Run } from "./run.ts";
import { createStreamJudge, type StreamRecord } from "./stream-rules.ts";
import { receiveStream } from "./stream.ts";
import { figuresOf, type StreamFigures } from "./worker-test-result.ts";

export interface Generation {
  readonly url: string;
  readonly body: GenerateRequestInput & { readonly prompt: string };
  readonly silenceMs: number;
}

/** A fast model gets this many requests at most until its answers are long enough, together, to tell a stream from a lump. */
const answersLimit = 50;

/**
 * Streams one answer for all to see and, where it was short, further ones. What is wrong with any of them becomes failures of the run.
 * Never rejects, so that there are figures of a stream that was cut off as well: that the run was aborted is for the caller to notice.
 */
export async function generate(run: Run, report: Report, generation: Generation): Promise<StreamFigures> {
  report.prompt(generation.body.prompt);
  const shown = await receive(run, generation, (text) => report.token(text));
  report.answerEnded();

  const answers = [shown];
  while (isFlawless(answers.at(-1)) && !isEnough(answers) && answers.length < answersLimit) {
    answers.push(await receive(run, generation, () => {}));
  }
  const realness = proveRealness(answers);
  const figures = figuresOf(shown, realness);
  if (run.signal.aborted) return figures;

  const broken = answers.flatMap(({ failures }) => failures);
  const failures = broken.length > 0 ? broken : realness.failures;
  for (const failure of failures) run.fail(failure);
  if (failures.length === 0) {
    report.step("Stream is complete", `${shown.modelTokens} tokens, ${shown.end?.finish_reason}, [DONE]`);
    const over = answers.length === 1 ? "" : ` over ${answers.length} answers`;
    report.step("Stream is real", `p95 of |arrival - t_ms| is ${realness.lagMs.p95.toFixed(1)} ms${over}`);
  }
  return figures;
}

function isFlawless(record: StreamRecord | undefined): boolean {
  return record?.failures.length === 0;
}

async function receive(run: Run, generation: Generation, show: (text: string) => void): Promise<StreamRecord> {
  const judge = createStreamJudge();
  try {
    for await (const received of receiveStream({ ...generation, signal: run.signal })) {
      const event = judge.take(received);
      if (event?.type === "token") show(event.text);
    }
    return judge.finish();
  } catch (error) {
    return judge.finish(error instanceof Error ? error.message : String(error));
  }
}
