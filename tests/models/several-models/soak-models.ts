// Owns the models of a soak (the embedded model, two random ones of tiny shapes, and a random embedding model), and the answer expected of each.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { openStream, repositoryPath, type Worker } from "@waggle/testing/harness";
import { writeRandomModel } from "@waggle/testing/models";

export interface SoakModel {
  readonly name: string;
  readonly path: string;
  readonly file: string;
  readonly embeds: boolean;
  /** Whether the model's context allows answers that take seconds. */
  readonly isLong: boolean;
}

export interface SoakModels {
  readonly all: readonly SoakModel[];
  readonly flags: readonly string[];
}

/** An answer by which a model can be recognised: its text at temperature 0, or its vector. */
export type Mark = string | readonly number[];

export const soakPrompt = "Once upon a time there was a bee";
export const markTokens = 12;
/** Models that are loaded at the same time. */
export const atOnce = 2;
/** Context of a slot in tokens; the embedded model and the embedding model have less. */
const contextSize = 8_192;
export const soakFlags = [
  "--backend",
  "llama",
  "--slots",
  "4",
  "--context-size",
  String(contextSize),
  "--threads",
  "1",
];
/** Limit of a stream's silence: the model may have to be loaded first, on a busy machine. */
export const silenceMs = 120_000;

const matrices = { like: "none", layers: 2, heads: 4, kvHeads: 4, feedForward: 128, vocabulary: 1_024, context: 8_192 };
const shapes = [
  { ...matrices, name: "narrow", width: 64 },
  { ...matrices, name: "wide", width: 128 },
  { ...matrices, name: "vectors", width: 64, context: 160, encoder: "embed" },
] as const;

export function writeSoakModels(): SoakModels {
  const folder = mkdtempSync(join(tmpdir(), "waggle-soak-"));
  const written = shapes.map((shape): Omit<SoakModel, "file"> => {
    const path = join(folder, `${shape.name}.gguf`);
    writeRandomModel(shape, path);
    const embeds = "encoder" in shape;
    return { name: shape.name, path, embeds, isLong: !embeds };
  });
  const embedded = {
    name: "stories",
    path: repositoryPath("models/waggle-tiny-stories.gguf"),
    embeds: false,
    isLong: false,
  };
  const all = [embedded, ...written].map((model) => ({ ...model, file: basename(model.path) }));
  return {
    all,
    flags: all.flatMap(({ name, path }) => ["--model", `${name}=${path}`]),
  };
}

/** @throws Error when the model's answer is not complete */
export async function markOf({ url }: Worker, model: SoakModel): Promise<Mark> {
  if (model.embeds) return vectorOf(await embed(url, model.name));
  const body = { model: model.name, prompt: soakPrompt, temperature: 0, max_tokens: markTokens, ignore_eos: true };
  const stream = await openStream({ url: `${url}/v1/inference`, body, silenceMs });
  const { how } = await stream.over;
  if (how !== "complete") throw new Error(`Cannot tell model ${model.name} from others: its stream is ${how}`);
  return stream.judge.text;
}

export interface Vectors {
  readonly model: string;
  readonly data: readonly { readonly embedding: readonly number[] }[];
}

/** @throws Error with the status of a refusal; an AbortError after `limitMs`; other errors of fetch */
export async function embed(url: string, model: string, limitMs = silenceMs): Promise<Vectors> {
  // AbortSignal.timeout is not used: Node 20 may collect a timeout signal to which only another signal refers.
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), limitMs);
  try {
    return await requestVectors(url, model, over.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function requestVectors(url: string, model: string, signal: AbortSignal): Promise<Vectors> {
  const response = await fetch(`${url}/v1/embeddings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, input: [soakPrompt] }),
    signal,
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Vectors;
}

export const vectorOf = ({ data }: Vectors): readonly number[] => data[0]?.embedding ?? [];

/** Cosine similarity of two vectors of length 1. */
export function likeness(one: readonly number[], other: readonly number[]): number {
  if (one.length !== other.length) return 0;
  return one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
}
