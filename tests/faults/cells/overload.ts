// Tests overload: ten times more requests than the queue holds. Every request gets its status, and every accepted job completes.
import { Agent } from "node:http";
import { inLanes, poll, send, spreadOf, waitFor, type Facts, type Worker } from "@waggle/testing/harness";
import { DONE } from "@waggle/protocol";
import { isLong } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, reopen, type JobRequest } from "../support/ways.ts";

const queueCapacity = 32;
const slots = 2;
const tooMany = 10 * queueCapacity;
const answerTokens = 8;
/** Requests sent at the same time. With more, this process would delay its own requests, and the test would measure that delay. */
const inFlight = 8;
/** Every fourth request uses /v1/inference; the other jobs are read when the volley is over. */
const streamedShare = 4;
const longRounds = 20;
const retryAfterS = { least: 1, most: 60 };
const rssGrowthAllowedMb = 96;
const bytesPerMb = 1_048_576;

export function overload(stage: Stage): void {
  // Two jobs take 160 ms: the queue stays full for all requests of a volley, also on a machine that needs ten seconds to send it.
  const flags = `--slots ${slots} --queue-capacity ${queueCapacity} --fake-step-delay 20`;
  const worker = shared(() => stage.startWorker(flags));
  const request = { prompt: "Be brief.", seed: stage.random.between(1, 1_000_000), max_tokens: answerTokens };
  const volley = async (count = tooMany): Promise<readonly Shot[]> => {
    const shots = await waitFor("the answers of a volley", fireVolley(worker(), request, count));
    await waitIdle(worker());
    return shots;
  };
  const rssMb = async (): Promise<number> =>
    (await worker().metrics()).sum("process_resident_memory_bytes") / bytesPerMb;
  const rssBefore = shared(() => volley(queueCapacity).then(rssMb));

  const judgeVolley = async (facts: Facts): Promise<void> => {
    const shots = await volley();
    judge(shots, facts);
    await judgeAccepted(worker(), shots, await stage.uncutText(request), facts);
  };
  stage.cell("are refused with a Retry-After, or completed", judgeVolley, longRounds);
  if (!isLong) return;
  stage.cell("do not grow the memory", async (facts) => {
    await volley();
    const grown = (await rssMb()) - rssBefore();
    facts.expect(grown <= rssGrowthAllowedMb, `RSS grew by ${grown.toFixed(0)} MB`);
    facts.number("rss_growth_mb", grown);
  });
}

interface Shot {
  readonly jobId: string;
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Milliseconds from sending the request to the answer's headers. */
  readonly ms: number;
  /** Body of an accepted /v1/inference, once it has ended; rejects when the connection breaks. */
  readonly streamed: Promise<string> | undefined;
}

/** Sends the requests over a few kept connections. A stream occupies its connection until its job ends, so each stream has a separate one. */
async function fireVolley(worker: Worker, request: Omit<JobRequest, "job_id">, count: number): Promise<Shot[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  try {
    return await inLanes(inFlight, Array(count).keys(), async (i) => {
      const jobId = freshId("volley");
      const body = { ...request, job_id: jobId, on_disconnect: "continue" };
      const direct = i % streamedShare === 0;
      const path = direct ? "/v1/inference" : "/v1/jobs";
      const answer = await send({ url: worker.url + path, body, ...(direct ? {} : { agent }) });
      const { status, headers, sentAt, headersAt } = answer;
      const text = answer.text();
      // The error reaches the caller that awaits the text. Without a handler until then, Node would report an unhandled rejection.
      text.catch(() => {});
      if (!direct) await text;
      const streamed = direct && status === 200 ? text : undefined;
      return { jobId, status, retryAfter: headers["retry-after"], ms: headersAt - sentAt, streamed };
    });
  } finally {
    agent.destroy();
  }
}

function judge(shots: readonly Shot[], facts: Facts): void {
  const refused = shots.filter(({ status }) => status === 429);
  const other = shots.filter(({ status }) => ![200, 202, 429].includes(status));
  facts.equal("answers that are neither 200, 202 nor 429", other.slice(0, 3), []);
  facts.expect(refused.length > 0, "nothing was refused");
  const improper = refused.filter(({ retryAfter }) => {
    const seconds = Number(retryAfter);
    return !/^\d+$/.test(retryAfter ?? "") || seconds < retryAfterS.least || seconds > retryAfterS.most;
  });
  facts.equal("refusals with an invalid Retry-After", improper.map(({ retryAfter }) => retryAfter).slice(0, 3), []);
  const { p50, p95, max } = spreadOf(shots.map(({ ms }) => ms));
  facts.number("accepted", shots.length - refused.length);
  facts.number("refused", refused.length);
  facts.number("retry_after_s", Math.max(0, ...refused.map(({ retryAfter }) => Number(retryAfter))));
  facts.number("p50_ms", p50);
  facts.number("p95_ms", p95);
  facts.number("max_ms", max);
}

async function judgeAccepted(worker: Worker, shots: readonly Shot[], text: string, facts: Facts): Promise<void> {
  const accepted = shots.filter(({ status }) => status !== 429);
  facts.expect(
    accepted.length >= queueCapacity,
    `${accepted.length} requests were accepted, fewer than the ${queueCapacity} that fit into the queue`,
  );
  for (const { jobId, streamed } of accepted) {
    if (streamed !== undefined) {
      const body = await waitFor("the end of an accepted stream", streamed);
      facts.expect(body.trimEnd().endsWith(`data: ${DONE}`), `an accepted stream ended without ${DONE}`);
    }
    await facts.ended("an accepted job", await reopen(worker, jobId), "length", text);
  }
}

async function waitIdle(worker: Worker): Promise<void> {
  await poll("the worker to be idle", async () => {
    const metrics = await worker.metrics();
    return metrics.sum("waggle_jobs_ended_total") === metrics.sum("waggle_jobs_accepted_total");
  });
}
