// Owns the overload of chaos: ten times more requests than the queue holds. Each is answered at once, and what was accepted completes.
import { spreadOf } from "../statistics.ts";
import type { ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import type { Stage } from "./stage.ts";
import { createVolley, streamPath, type Answer, type Shot } from "./volley.ts";
import { poll, waitFor } from "./waits.ts";
import { freshId, reopen } from "./ways.ts";

const queueCapacity = 32;
const slots = 2;
const timesTooMany = 10;
const answerTokens = 8;
/** Requests under way at a time. More would measure how long our own ones stand in line before they are written. */
const inFlight = 8;
const answerLimitMs = 50;
/** One of so many asks for its stream as the answer; the others' jobs are read when the volley is over. */
const streamedShare = 4;
/**
 * Whoever else uses the machine holds answers up. Where the system tells how long a process waited for a core, that is taken off; what
 * remains must keep to the limit in the best round, and until it does there are more rounds. All of them are shown.
 */
const rounds = { least: 3, leastLong: 20, most: 8 };
const retryAfterS = { least: 1, most: 60 };
const rssGrowthAllowedMb = 96;
const bytesPerMb = 1_048_576;

export async function runOverload(stage: Stage): Promise<void> {
  const flags = `--slots ${slots} --queue-capacity ${queueCapacity} --fake-step-delay 5`;
  await using worker = await stage.startWorker(flags);
  const rss = async (): Promise<number> => (await worker.metrics()).sum("process_resident_memory_bytes") / bytesPerMb;
  const requests = await briefRequests(stage);
  using volley = createVolley({ url: worker.url, workerPid: worker.pid, inFlight });
  await volley.fire(requests.make(queueCapacity));
  await waitIdle(worker);
  const rssBefore = await rss();
  const least = stage.long ? rounds.leastLong : rounds.least;
  let bestMs = Infinity;
  for (let round = 1; round <= least || (bestMs > answerLimitMs && round <= rounds.most); round += 1) {
    const fired = requests.make(timesTooMany * queueCapacity);
    await stage.check(`${fired.length} requests for a queue of ${queueCapacity}, round ${round}`, async (facts) => {
      const answers = await waitFor("the answers of a volley", volley.fire(fired));
      bestMs = Math.min(bestMs, slowestMs(answers));
      judge(answers, facts);
      await judgeAccepted(worker, answers, requests.text, facts);
    });
    await waitIdle(worker);
  }
  await stage.check(`every request is answered within ${answerLimitMs} ms`, async (facts) => {
    facts.expect(
      bestMs <= answerLimitMs,
      `the slowest answer took ${bestMs.toFixed(1)} ms in the best round, waits for a core taken off`,
    );
    facts.number("best_round_max_ms", bestMs);
  });
  await stage.check("memory is bounded", async (facts) => {
    const grown = (await rss()) - rssBefore;
    facts.expect(grown <= rssGrowthAllowedMb, `RSS grew by ${grown.toFixed(0)} MB`);
    facts.number("rss_growth_mb", grown);
  });
}

interface Requests {
  readonly text: string;
  make(count: number): readonly Shot[];
}

async function briefRequests(stage: Stage): Promise<Requests> {
  const request = { prompt: "Be brief.", seed: stage.random.between(1, 1_000_000), max_tokens: answerTokens };
  return {
    text: await stage.uncutText(request),
    make: (count) =>
      Array.from({ length: count }, (_, i) => ({
        path: i % streamedShare === 0 ? streamPath : "/v1/jobs",
        body: { ...request, job_id: freshId("volley"), on_disconnect: "continue" },
      })),
  };
}

/** The slowest answer without the waits for a core. */
function slowestMs(answers: readonly Answer[]): number {
  return Math.max(...answers.map(({ ms, coreWaitMs }) => ms - coreWaitMs));
}

function judge(answers: readonly Answer[], facts: Facts): void {
  const refused = answers.filter(({ status }) => status === 429);
  const other = answers.filter(({ status }) => ![200, 202, 429].includes(status));
  facts.equal("answers that are neither 200, 202 nor 429", other.slice(0, 3), []);
  facts.expect(refused.length > 0, "nothing was refused");
  const improper = refused.filter(({ retryAfter }) => {
    const seconds = Number(retryAfter);
    return !/^\d+$/.test(retryAfter ?? "") || seconds < retryAfterS.least || seconds > retryAfterS.most;
  });
  facts.equal("refusals without a sane Retry-After", improper.map(({ retryAfter }) => retryAfter).slice(0, 3), []);
  const { p50, p95, max } = spreadOf(answers.map(({ ms }) => ms));
  facts.number("accepted", answers.length - refused.length);
  facts.number("refused", refused.length);
  facts.number("retry_after_s", Math.max(0, ...refused.map(({ retryAfter }) => Number(retryAfter))));
  facts.number("p50_ms", p50);
  facts.number("p95_ms", p95);
  facts.number("max_ms", max);
  facts.number("max_without_core_waits_ms", slowestMs(answers));
}

async function judgeAccepted(
  worker: ChaosWorker,
  answers: readonly Answer[],
  text: string,
  facts: Facts,
): Promise<void> {
  const accepted = answers.filter(({ status }) => status !== 429);
  facts.expect(
    accepted.length >= queueCapacity,
    `only ${accepted.length} were accepted, and the queue alone holds ${queueCapacity}`,
  );
  for (const { jobId, streamed } of accepted) {
    if (streamed !== undefined) {
      facts.equal("the text of an accepted stream", await waitFor("the end of an accepted stream", streamed), text);
      continue;
    }
    const stream = await reopen(worker, jobId);
    const { how } = await waitFor("the end of an accepted job", stream.over);
    facts.equal("how an accepted job ended, and its text", [how, stream.problems, stream.text], ["complete", [], text]);
  }
}

async function waitIdle(worker: ChaosWorker): Promise<void> {
  await poll("the worker to be idle", async () => {
    const metrics = await worker.metrics();
    return metrics.sum("waggle_jobs_ended_total") === metrics.sum("waggle_jobs_accepted_total") ? true : undefined;
  });
}
