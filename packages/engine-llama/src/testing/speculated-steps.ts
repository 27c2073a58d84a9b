// Measures speculative decoding: runs sequences of the library with and without a predictor of tokens, in alternation. Decision 014 has the result;
// run it again to see whether the result still holds. Use one thread in the pool, as in the worker's engine:
//   UV_THREADPOOL_SIZE=1 node --import tsx packages/engine-llama/src/testing/speculated-steps.ts \
//     [--slots 1,2,4,8] [--rounds 5] [--tokens 60] [--threads 1] [--model path]
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { getLlama, InputLookupTokenPredictor, TokenPredictor } from "node-llama-cpp";
import type { EvaluationPriority, LlamaContext, LlamaModel, Token } from "node-llama-cpp";
import { storyModel } from "./story-model.ts";

interface Load {
  readonly variant: (typeof variants)[number];
  readonly prompts: readonly Token[][];
  readonly temperature: number;
  /** Tokens per slot, on average. */
  readonly tokens: number;
  readonly threads: number;
}

interface Measured {
  readonly tokensPerSecond: number;
  /** Tokens per slot and pass. */
  readonly tokensPerPass: number;
  /** Generated tokens of each slot. */
  readonly texts: readonly Token[][];
}

/** Each round runs all variants, and compares the second and the third with the first. */
const variants = ["plain", "oracle", "lookup"] as const;
const contextSize = 512;
const loopStart = 200;
/** Predicted tokens per pass. More predictions only cost time, because the library validates just the first prediction and rejects all others. */
const predictions = 1;
const openings = ["Once upon a time", "One day", "There was a", "The little", "A big red", "Tom and", "In the", "She"];

/** A predictor that knows the text and takes no time: no real predictor is better. */
class Oracle extends TokenPredictor {
  readonly #text: readonly Token[];
  #at = 0;

  constructor(text: readonly Token[]) {
    super();
    this.#text = text;
  }

  override reset({ stateTokens }: { readonly stateTokens: readonly Token[] }): void {
    this.#at = stateTokens.length;
  }

  override pushTokens(tokens: readonly Token[]): void {
    this.#at += tokens.length;
  }

  override predictTokens(): Token[] {
    return this.#text.slice(this.#at, this.#at + predictions);
  }
}

await run();

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: "string", default: storyModel },
      slots: { type: "string", default: "1,2,4,8" },
      rounds: { type: "string", default: "5" },
      tokens: { type: "string", default: "60" },
      threads: { type: "string", default: "1" },
    },
  });
  const [tokens, threads] = [Number(values.tokens), Number(values.threads)];
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: threads });
  const model = await llama.loadModel({ modelPath: resolve(values.model) });
  console.log("| text | temperature | slots | variant | tokens/s | ratio | tokens per slot and pass | plain's text |");
  console.log("|---|---|---|---|---|---|---|---|");
  for (const [text, prompts] of Object.entries(await promptsOf(model, threads))) {
    for (const temperature of [0, 0.8]) {
      for (const width of values.slots.split(",").map(Number)) {
        const load = { prompts: prompts.slice(0, width), temperature, tokens, threads };
        const entries = await compare(model, load, Number(values.rounds));
        for (const entry of entries) console.log(`| ${[text, temperature, width, ...entry].join(" | ")} |`);
      }
    }
  }
  await llama.dispose();
}

/** Prompts for two cases: after `new` a lookup finds nothing; in `looping` the model repeats its text, which is the best case for a lookup. */
async function promptsOf(model: LlamaModel, threads: number): Promise<Record<"new" | "looping", Token[][]>> {
  const prompts = openings.map((text) => model.tokenize(text));
  const { texts } = await measure(model, { variant: "plain", prompts, temperature: 0, tokens: loopStart, threads });
  return { new: prompts, looping: prompts.map((prompt, slot) => [...prompt, ...(texts[slot] ?? [])]) };
}

/** Medians of the rounds, and of each round's ratio to `plain`. The first round is a warm-up, and gives the oracle its texts. */
async function compare(model: LlamaModel, load: Omit<Load, "variant">, rounds: number): Promise<(number | string)[][]> {
  const results = new Map(variants.map((variant) => [variant, [] as Measured[]]));
  // Some slots generate up to twice as many tokens as the average.
  const { texts: known } = await measure(model, { ...load, variant: "plain", tokens: 2 * load.tokens });
  for (let round = 0; round <= rounds; round++) {
    for (const [variant, each] of results) {
      const measured = await measure(model, { ...load, variant }, known);
      if (round > 0) each.push(measured);
    }
  }
  const plain = results.get("plain") ?? [];
  return [...results].map(([variant, each]) => [
    variant,
    Math.round(median(each.map((one) => one.tokensPerSecond))),
    median(each.map((one, round) => one.tokensPerSecond / (plain[round]?.tokensPerSecond ?? 1))).toFixed(2),
    median(each.map((one) => one.tokensPerPass)).toFixed(2),
    median(each.map(({ texts }) => texts.filter((text, slot) => isStart(text, known[slot])).length)),
  ]);
}

async function measure(model: LlamaModel, load: Load, known: readonly Token[][] = []): Promise<Measured> {
  let runs = 0;
  const context = await openContext(model, load, (slots) => (runs += slots));
  const streams = load.prompts.map((_, slot) => openStream(context, load, slot, known[slot] ?? []));
  const countTokens = (): number => streams.reduce((sum, { text }) => sum + text.length, 0);
  await Promise.all(streams.map(async ({ step }) => await step()));
  runs = 0;
  const before = countTokens();
  const started = performance.now();
  while (countTokens() < before + load.tokens * streams.length) {
    await Promise.all(streams.map(async ({ step }) => await step()));
  }
  const seconds = (performance.now() - started) / 1_000;
  const made = countTokens() - before;
  await context.dispose();
  return { tokensPerSecond: made / seconds, tokensPerPass: made / runs, texts: streams.map(({ text }) => text) };
}

/** A step also takes the tokens that the last pass has validated; else the slot would be missing in the next pass. */
function openStream(context: LlamaContext, load: Load, slot: number, known: readonly Token[]) {
  const prompt = load.prompts[slot] ?? [];
  const tokenPredictor = predictorFor(load.variant, prompt, known);
  const sequence = context.getSequence(tokenPredictor === undefined ? {} : { tokenPredictor });
  const generation = sequence.evaluate([...prompt], {
    ...{ temperature: load.temperature, topK: 40, topP: 0.95, minP: 0.05, seed: slot + 1, yieldEogToken: true },
    evaluationPriority: slot as EvaluationPriority,
  });
  const text: Token[] = [];
  async function step(): Promise<void> {
    const { value } = await generation.next();
    if (value !== undefined) text.push(value);
    if (sequence.tokenPredictions.unused > 0) await step();
  }
  return { text, step };
}

function predictorFor(variant: Load["variant"], prompt: readonly Token[], known: readonly Token[]) {
  if (variant === "plain") return undefined;
  if (variant === "oracle") return new Oracle([...prompt, ...known]);
  const lookup = new InputLookupTokenPredictor({ predictionLength: { max: predictions } });
  lookup.updateInputTokens([...prompt]);
  return lookup;
}

async function openContext(model: LlamaModel, load: Load, onPass: (slots: number) => void): Promise<LlamaContext> {
  return await model.createContext({
    contextSize,
    sequences: load.prompts.length,
    threads: load.threads,
    flashAttention: model.flashAttentionSupported,
    batching: {
      dispatchSchedule: (dispatch) => process.nextTick(dispatch),
      itemPrioritizationStrategy(batch) {
        onPass(batch.items.length);
        // llama.cpp cuts a batch where slots are not in ascending order, and promises change the order in the library's queue.
        const items = batch.items.toSorted((a, b) => a.evaluationPriority - b.evaluationPriority);
        return items.map((item) => ({ item, processAmount: item.tokens.length }));
      },
    },
  });
}

function isStart(text: readonly Token[], whole: readonly Token[] = []): boolean {
  return text.every((token, index) => index >= whole.length || token === whole[index]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
