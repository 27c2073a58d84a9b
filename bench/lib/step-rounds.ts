// Runs one round of parallel conversations, and reads the times of the steps from the worker's metrics.
import type { EndEvent } from "@waggle/protocol";
import { mainThreadOf, percentile, send, times, type Metrics, type Worker } from "@waggle/testing/harness";

/** A kind of request to a worker. */
export interface Variant {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RoundFigures {
  readonly tokens: number;
  /** Sum of the streams' decoding speeds, by the worker's clock: this process may read late. */
  readonly tokensPerSecond: number;
  readonly ttftP50Ms: number;
  /** Average time from the end of a pass to the start of the next one. */
  readonly gapUs: number;
  /** Average time of a pass with its sampling. */
  readonly stepUs: number;
  /** CPU time per token of the engine process's main thread, and of the daemon's. */
  readonly engineUs: number;
  readonly daemonUs: number;
}

/** A small schema, so that the tools fit into the embedded model's context. */
const parameters = { type: "object", properties: { n: { type: "integer" } } };
const tools = ["look", "take", "drop", "open", "shut"].map((name) => ({
  type: "function",
  function: { name, parameters },
}));

/** Of the variants with tools, only the last one has a grammar: a request with `ignore_eos` gets no grammar. */
export const variants: readonly [Variant, ...Variant[]] = [
  { name: "no tools", body: {} },
  { name: "tools, no grammar", body: { tools, ignore_eos: true } },
  { name: "tools, grammar", body: { tools } },
];

const silenceMs = 120_000;

export async function playRound(
  worker: Worker,
  { body }: Variant,
  { streams, round, maxTokens }: { readonly streams: number; readonly round: number; readonly maxTokens: number },
): Promise<RoundFigures> {
  const before = await worker.metrics();
  const threads = [worker.enginePid(), worker.pid];
  const cpuBefore = threads.map((pid) => mainThreadOf(pid).cpuMs);
  const answers = await times(streams, async (stream) => {
    const content = `Once upon a time there was a child called ${round}-${stream}.`;
    const seed = 1 + round * 100 + stream;
    const request = { messages: [{ role: "user", content }], max_tokens: maxTokens, temperature: 0.8, seed, ...body };
    const answer = await send({ url: `${worker.url}/v1/inference`, body: request, silenceMs });
    if (answer.status !== 200) throw new Error(`Cannot measure: ${await answer.text()}`);
    const arrivals: number[] = [];
    let [tokens, perSecond, error] = [0, 0, ""];
    const { over } = answer.frames({
      onFrame({ event, data }, at) {
        if (event === "token") arrivals.push(at);
        if (event === "error") error = data;
        if (event !== "end") return;
        const { usage, timings } = JSON.parse(data) as EndEvent;
        [tokens, perSecond] = [usage.completion_tokens, timings.tokens_per_second];
      },
    });
    await over;
    if (error !== "") throw new Error(`Cannot measure: ${error}`);
    return { sentAt: answer.sentAt, arrivals, tokens, perSecond };
  });
  const [engineMs = 0, daemonMs = 0] = threads.map((pid, i) => mainThreadOf(pid).cpuMs - (cpuBefore[i] ?? 0));
  const after = await worker.metrics();
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  return {
    tokens,
    tokensPerSecond: answers.reduce((sum, { perSecond }) => sum + perSecond, 0),
    ttftP50Ms: percentile(
      answers.map(({ sentAt, arrivals }) => (arrivals[0] ?? Number.NaN) - sentAt),
      0.5,
    ),
    gapUs: meanUs("waggle_step_gap_seconds", before, after),
    stepUs: meanUs("waggle_step_seconds", before, after),
    engineUs: (engineMs * 1_000) / tokens,
    daemonUs: (daemonMs * 1_000) / tokens,
  };
}

function meanUs(name: string, before: Metrics, after: Metrics): number {
  const grown = (part: string): number => after.sum(`${name}_${part}`) - before.sum(`${name}_${part}`);
  return (grown("sum") / grown("count")) * 1_000_000;
}
