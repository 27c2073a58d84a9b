// Decodes batches with node-llama-cpp's own binding: fills, decodes and samples a batch on its context object, without its queue and promises.
import { effectiveFields, type SamplerConfig } from "../sampling/sampling-numbers.ts";
import { hasRepeatPenalty } from "../sampling/sampling.ts";
import { greedy, logprobNumbers } from "./batch-decoder.ts";
import type { Batch, BatchDecoder, Draws, Sampler } from "./batch-decoder.ts";
import type { Library, LibraryContext, LibrarySampler, LibrarySamplerConfig } from "./library-context.ts";
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";

/** The sampling fields whose effects the library has. */
const libraryFields: ReadonlySet<keyof SamplerConfig> = new Set([
  ...(["temperature", "top_k", "top_p", "min_p", "xtc_probability"] as const),
  ...(["repeat_penalty", "presence_penalty", "frequency_penalty"] as const),
]);

interface OwnSampler extends Sampler {
  /** @returns the token; -1 if no token was left to sample */
  sampleAt(position: number, seed: number): Promise<number>;
}

/** @param inOrder whether the library computes in the order in which it is called, because libuv's pool has one thread */
export function createLibraryDecoder(library: Library, inOrder: boolean): BatchDecoder {
  const { context } = library;
  /** Samplers that read logits. A sampler can do one call at a time. */
  const readers: LibrarySampler[] = [];

  /** Samples as many tokens as it can: a draw that fails has no token. */
  async function drawAll(draws: Draws): Promise<Float64Array> {
    const numbers = await Promise.all(
      Array.from(draws.at, async (position, i) => await drawOne(position, draws, i).catch(() => nothing(draws, i))),
    );
    return Float64Array.from(numbers.flat());
  }

  async function drawOne(position: number, draws: Draws, i: number): Promise<readonly number[]> {
    const { samplers, seeds, topCounts } = draws;
    // All samplers are this decoder's.
    const token = await (samplers[i] as OwnSampler).sampleAt(position, seeds[i] ?? 0);
    const alternatives = (topCounts[i] ?? 0) - 1;
    if (token === -1) return nothing(draws, i);
    if (alternatives < 0) return [token];
    const { logits, totalWeight = NaN } = await readLogits(position, {
      tokens: [token],
      top: alternatives,
      total: true,
    });
    const [greatest = NaN] = logits.values();
    return [token, logits.get(token) ?? NaN, greatest, totalWeight, ...[...logits].slice(0, alternatives).flat()];
  }

  async function readLogits(position: number, request: LogitsRequest): Promise<PositionLogits> {
    const reader = readers.pop() ?? library.createSampler();
    try {
      return await rawLogits(context, reader, position, request);
    } finally {
      readers.push(reader);
    }
  }

  return {
    async decode(batch, draws) {
      fillBatch(context, batch);
      const decoded = context.decodeBatch();
      if (inOrder) {
        // Sampling begins when the batch is decoded, without a turn of this thread in between.
        const numbers = drawAll(draws);
        await decoded;
        return await numbers;
      }
      await decoded;
      return await drawAll(draws);
    },
    logits: readLogits,
    createSampler: () => createOwnSampler(library),
    canSample: (sampling) => effectiveFields(sampling).every((name) => libraryFields.has(name)),
    takesDrafts: false,
  };
}

function createOwnSampler({ context, createSampler }: Library): OwnSampler {
  const sampler = createSampler();
  let config = libraryConfig(greedy);
  let recent: { readonly repeatPenaltyTokens?: Uint32Array } = {};
  let lastSeed = -1;
  return {
    configure(wanted) {
      config = libraryConfig(wanted);
      recent = {};
    },
    setRecent: (repeatPenaltyTokens) => void (recent = { repeatPenaltyTokens }),
    async sampleAt(position, seed) {
      // The library's sampler starts its random numbers again only with another seed.
      if (seed === lastSeed) sampler.applyConfig({ ...config, seed: seed === 0 ? 1 : 0 });
      lastSeed = seed;
      sampler.applyConfig({ ...config, ...recent, seed });
      return await context.sampleToken(position, sampler);
    },
  };
}

function libraryConfig(config: SamplerConfig): Omit<LibrarySamplerConfig, "seed"> {
  const { tokenBiasKeys, tokenBiasValues } = config;
  return {
    temperature: config.temperature,
    topK: config.top_k,
    topP: config.top_p,
    minP: config.min_p,
    ...(config.xtc_probability === 0
      ? {}
      : { xtcProbability: config.xtc_probability, xtcThreshold: config.xtc_threshold }),
    ...(hasRepeatPenalty(config)
      ? {
          repeatPenalty: config.repeat_penalty,
          repeatPenaltyMaxTokens: config.repeat_last_n,
          repeatPenaltyPresencePenalty: config.presence_penalty,
          repeatPenaltyFrequencyPenalty: config.frequency_penalty,
        }
      : {}),
    ...(tokenBiasKeys === undefined || tokenBiasValues === undefined ? {} : { tokenBiasKeys, tokenBiasValues }),
  };
}

function nothing({ topCounts }: Draws, i: number): readonly number[] {
  const count = topCounts[i] ?? 0;
  return [-1, ...Array<number>(count === 0 ? 0 : logprobNumbers - 1 + 2 * (count - 1)).fill(NaN)];
}

function fillBatch(context: LibraryContext, { tokens, sequences, positions, outputs }: Batch): void {
  context.initBatch(tokens.length);
  let output = 0;
  for (let from = 0, to = 0; from < tokens.length; from = to) {
    while (to < tokens.length && sequences[to] === sequences[from]) to++;
    const first = output;
    while (output < outputs.length && (outputs[output] ?? 0) < to) output++;
    const withLogits = Uint32Array.from(outputs.subarray(first, output), (at) => at - from);
    const row = Uint32Array.from(tokens.subarray(from, to));
    context.addToBatch(sequences[from] ?? 0, positions[from] ?? 0, row, withLogits);
  }
}

/** Reads raw logits with the library's call for sampling. The call returns the logits that a sampler has left, so these samplers leave all logits. */
async function rawLogits(
  context: LibraryContext,
  sampler: LibrarySampler,
  position: number,
  { tokens, top, total }: LogitsRequest,
): Promise<PositionLogits> {
  const logits = new Map<number, number>();
  let totalWeight: number | undefined;
  const mostProbable = { ...libraryConfig(greedy), seed: 1 };
  const ask = async (
    config: Parameters<LibrarySampler["applyConfig"]>[0],
    wanted: Parameters<LibraryContext["sampleToken"]>[4],
    withTotal: boolean,
  ): Promise<void> => {
    sampler.applyConfig(config);
    const [, , , found = [], weight] = await context.sampleToken(position, sampler, false, false, wanted, withTotal);
    for (let i = 0; i < found.length; i += 2) logits.set(found[i] ?? 0, found[i + 1] ?? 0);
    totalWeight ??= weight;
  };

  if (top === "all") await ask(mostProbable, true, total);
  else {
    // A top-k sampler finds the most probable tokens without sorting the others.
    if (top > 1) await ask({ ...mostProbable, temperature: 1, topK: top }, [[], false, false, false, top], false);
    if (total || top === 1 || tokens.length > 0) await ask(mostProbable, [tokens, false, false, true, 0], total);
  }
  return totalWeight === undefined ? { logits } : { logits, totalWeight };
}
