// The driver on the native step, which `xtask engine:build` compiles into the library. A single call on a thread of libuv's pool decodes and
// samples. Logits are read on the calling thread.
import type { Token, TokenLogprobs } from "@waggle/engine";
import type { LlamaContextSequence } from "node-llama-cpp";
import { fillBatch, type DirectPassesOptions } from "./direct-passes.ts";
import { createSequences } from "./direct-sequences.ts";
import type { DirectSampler, DirectSamplerConfig, NativeStep } from "./library-context.ts";
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";
import type { Answer, Draw, BatchRow, Passes, QueuedRow } from "./passes.ts";
import { samplerConfig } from "../sampling/sampling.ts";

interface SlotSampler {
  /** Keeps the sequence alive: the library empties and reuses the cells of a garbage-collected sequence. */
  readonly sequence: LlamaContextSequence;
  readonly sampler: DirectSampler;
  config: DirectSamplerConfig | undefined;
  /** Whether `config` is applied to the sampler: a step then only sets the seed. */
  configured: boolean;
  /** Sample position of the slot's last ask in the last pass. */
  position: number;
}

interface Drawn {
  readonly slot: number;
  readonly draw: Draw;
}

const nothing: Answer = { kind: "token", token: undefined };
/** Count of the numbers before the alternatives: token, its logit, greatest logit, and the sum of exp(logit - greatest) over the vocabulary. */
const logprobNumbers = 4;

export function createNativePasses(options: DirectPassesOptions, native: NativeStep): Passes {
  const { library, sampling } = options;
  const { context } = library;
  const slots = options.sequences.map((sequence): SlotSampler => {
    return { sequence, sampler: library.createSampler(), config: undefined, configured: false, position: -1 };
  });
  let threads = 1;
  /** Draws of the last requested step, in the order of its outputs. */
  let lastDrawn: readonly Drawn[] = [];
  let running: Promise<unknown> = Promise.resolve();

  function slotAt(slot: number): SlotSampler {
    const found = slots[slot];
    if (found === undefined) throw new Error(`There is no slot ${slot}`);
    return found;
  }

  function samplerFor(slot: number, recent: readonly Token[] | undefined): DirectSampler {
    const own = slotAt(slot);
    const { config, sampler } = own;
    if (config === undefined) throw new Error(`Cannot sample in slot ${slot}: it has no sampling settings`);
    if (recent !== undefined) config.repeatPenaltyTokens = Uint32Array.from(recent);
    if (recent !== undefined || !own.configured) sampler.applyConfig(config);
    own.configured = true;
    return sampler;
  }

  async function run(rows: readonly BatchRow[], underway: () => void): Promise<readonly (readonly Answer[])[]> {
    context.setThreads(threads);
    const positions = fillBatch(context, rows);
    const drawn: Drawn[] = [];
    rows.forEach(({ slot, asks }, row) => {
      const last = asks.at(-1);
      slotAt(slot).position = positions[row]?.at(-1) ?? -1;
      // Only the last ask of a row can be a draw.
      if (last?.kind === "draw") drawn.push({ slot, draw: last.draw });
    });
    lastDrawn = drawn;
    const step = native.decodeBatchAndSample(
      Int32Array.from(drawn, ({ slot }) => slotAt(slot).position),
      ...drawing(drawn),
    );
    underway();
    const tokens = readTokens(await step, drawn);
    return rows.map(({ slot, asks }, row) =>
      asks.map((ask, i): Answer => {
        if (ask.kind === "draw") return tokens[drawn.findIndex((one) => one.slot === slot)] ?? nothing;
        return { kind: "logits", logits: logitsAt(positions[row]?.[i] ?? -1, ask.request) };
      }),
    );
  }

  async function runAhead(rows: readonly QueuedRow[]): Promise<readonly Answer[] | undefined> {
    const sources = rows.map(({ slot }) => lastDrawn.findIndex((before) => before.slot === slot));
    const step = native.decodeSampledAndSample(
      Int32Array.from(sources),
      Int32Array.from(rows, ({ slot }) => slot),
      Int32Array.from(rows, ({ position }) => position),
      ...drawing(rows),
    );
    lastDrawn = rows;
    const numbers = await step;
    return numbers.length === 0 ? undefined : readTokens(numbers, rows);
  }

  function drawing(drawn: readonly Drawn[]): [DirectSampler[], Uint32Array, Uint32Array] {
    return [
      drawn.map(({ slot, draw }) => samplerFor(slot, draw.recent)),
      Uint32Array.from(drawn, ({ draw }) => draw.seed),
      Uint32Array.from(drawn, ({ draw }) => topCount(draw)),
    ];
  }

  /** Value of `topCounts`: 0 without logprobs, else 1 + the number of alternatives. */
  function topCount({ topLogprobs }: Draw): number {
    return topLogprobs === undefined ? 0 : 1 + Math.min(topLogprobs, sampling.vocabularySize);
  }

  function readTokens(numbers: Float64Array, drawn: readonly Drawn[]): Answer[] {
    let at = 0;
    return drawn.map(({ draw }) => {
      const [count, token = -1] = [topCount(draw), numbers[at]];
      const logprobs = token === -1 || count === 0 ? undefined : readLogprobs(numbers, at, count - 1);
      at += count === 0 ? 1 : logprobNumbers + 2 * (count - 1);
      return token === -1 ? nothing : { kind: "token", token, logprobs };
    });
  }

  function logitsAt(position: number, { tokens, top, total }: LogitsRequest): PositionLogits {
    const count = top === "all" ? sampling.vocabularySize : top;
    const numbers = native.getLogits(position, count, Uint32Array.from(tokens), total);
    const [, sum = NaN, found = 0] = numbers;
    const logits = new Map<Token, number>();
    let at = 3;
    for (let i = 0; i < found; i++, at += 2) logits.set(numbers[at] ?? -1, numbers[at + 1] ?? NaN);
    for (const token of tokens) logits.set(token, numbers[at++] ?? NaN);
    return total ? { logits, totalWeight: sum } : { logits };
  }

  return {
    driver: "native",
    configure(slot, wanted) {
      const own = slotAt(slot);
      own.config = samplerConfig(wanted, sampling);
      own.configured = false;
    },
    run(rows, underway) {
      const pass = run(rows, underway);
      running = pass.catch(() => {});
      return pass;
    },
    ...(options.inOrder
      ? {
          ahead: {
            run(rows) {
              const pass = runAhead(rows);
              running = pass.catch(() => {});
              return pass;
            },
            withdraw: () => native.withdrawSampledStep(),
          },
        }
      : {}),
    readLogits: async (slot, request) => logitsAt(slotAt(slot).position, request),
    setThreads(wanted) {
      threads = wanted;
    },
    ...createSequences(options),
    settled: async () => void (await running),
  };
}

function readLogprobs(numbers: Float64Array, at: number, count: number): TokenLogprobs {
  const [logit = NaN, greatest = NaN, sum = NaN] = numbers.subarray(at + 1, at + logprobNumbers);
  const logprobOf = (raw: number): number => raw - greatest - Math.log(sum);
  const top = Array.from({ length: count }, (_, i) => {
    const start = at + logprobNumbers + 2 * i;
    return { token: numbers[start] ?? -1, logprob: logprobOf(numbers[start + 1] ?? NaN) };
  });
  return { logprob: logprobOf(logit), top };
}
