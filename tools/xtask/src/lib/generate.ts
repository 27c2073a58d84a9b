// Requests the streamed answers of worker:test, prints the first answer as it arrives, and checks all answers.
import {
  createStreamJudge,
  endingOf,
  incompleteness,
  isEnough,
  errorText,
  openStream,
  proveRealness,
  type StreamJudge,
} from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";
import type { Report } from "./report.ts";
import type { Run } from "./run.ts";
import { figuresOf, type StreamFigures } from "./worker-test-result.ts";

export interface Generation {
  readonly url: string;
  readonly body: GenerateRequestInput & { readonly prompt: string };
  readonly silenceMs: number;
}

/** Limit for the requests to a fast model. Its answers are short, so only several answers together show that tokens are streamed. */
const answersLimit = 50;

/**
 * Streams and prints one answer. If the answer is short, requests further answers. A problem of any answer becomes a failure of the run.
 * Never rejects, so that an interrupted stream also has figures. The caller checks whether the run was aborted.
 */
export async function generate(run: Run, report: Report, generation: Generation): Promise<StreamFigures> {
  report.prompt(generation.body.prompt);
  const shown = await receive(run, generation, (text) => report.token(text));
  report.answerEnded();

  const answers = [shown.judge];
  const broken = [...shown.failures];
  while (broken.length === 0 && !isEnough(answers) && answers.length < answersLimit) {
    const { judge, failures } = await receive(run, generation, () => {});
    answers.push(judge);
    broken.push(...failures);
  }
  const realness = proveRealness(answers);
  const figures = figuresOf(shown.judge, realness);
  if (run.signal.aborted) return figures;

  const failures = broken.length > 0 ? broken : realness.failures;
  for (const failure of failures) run.fail(failure);
  if (failures.length === 0) {
    report.step("Stream is complete", `${figures.tokens} tokens, ${endingOf(shown.judge.terminal)}, [DONE]`);
    const over = answers.length === 1 ? "" : ` over ${answers.length} answers`;
    report.step("Stream is real", `p95 of |arrival - t_ms| is ${realness.lagMs.p95.toFixed(1)} ms${over}`);
  }
  return figures;
}

interface Received {
  readonly judge: StreamJudge;
  readonly failures: readonly string[];
}

async function receive(run: Run, generation: Generation, show: (text: string) => void): Promise<Received> {
  try {
    const stream = await openStream({
      ...generation,
      signal: run.signal,
      onEvent: (event) => {
        if (event.type === "token") show(event.text);
      },
    });
    const { reason } = await stream.over;
    return { judge: stream.judge, failures: incompleteness(stream.judge, reason) };
  } catch (error) {
    return { judge: createStreamJudge(), failures: [errorText(error)] };
  }
}
