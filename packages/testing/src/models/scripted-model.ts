// Owns models that say the text of a script: llama.cpp loads them, samples from them and applies grammars to them as to any other.
//
// Such a model has gpt2's architecture and one block of zeros, so only what is embedded reaches its output. A token's embedding is zero too,
// and a position's is the code of the token to say after it: with the same codes for an output matrix, that token leads all others by so
// much that sampling finds it at any temperature in use. A script is thus bound to places, which is to say to prompts of one length.
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { makeByteVocabulary, type ByteVocabulary } from "./byte-vocabulary.ts";
import { familyVocabulary, type FamilyVocabulary } from "./family-vocabulary.ts";
import { aligned, block, gguf, ggufHeader, matrix, vector, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { createScriptTokenizer, tokensByPlace, type Answer, type Script } from "./script.ts";

export interface ScriptedModelOptions {
  readonly path: string;
  /** The source of its chat template. */
  readonly template: string;
  /** Further templates by their names, such as `tool_use`. */
  readonly templates?: Readonly<Record<string, string>>;
  /** By default what the templates show of their family's. */
  readonly vocabulary?: FamilyVocabulary;
  /** Tokens; 4,096 by default. */
  readonly context?: number;
  /** What it says; by default it ends every answer at once. */
  readonly script?: readonly Answer[];
}

export interface ScriptedModel {
  readonly path: string;
  readonly bytes: number;
  /** Each marker's token. The 256 bytes are the tokens before. */
  readonly markers: ReadonlyMap<string, number>;
  /** What it ends its answers with. */
  readonly end: number;
  /** The tokens that it says for a script, without the end. @throws Error naming a marker that it does not have */
  tokenize(script: Script): number[];
  /**
   * Replaces all that it says, in place: a worker that has the file in memory (all do that map it, which is what llama.cpp does by itself)
   * says the new answers from its next token on.
   * @throws Error as `tokenize`, or when answers overlap or do not fit into the context
   */
  say(...answers: readonly Answer[]): void;
}

const width = 128;
const feedForward = block.weights;
const defaultContext = 4_096;
const maxContext = 131_072;
/** `llama_ftype` of llama.h. */
const fileTypeQ8 = 7;
/** The half float 1. */
const scaleOne = 0x3c00;

/**
 * Writes it; a file that is there and differs in what it says alone is changed in place, as `say` does.
 * @throws Error naming the path when it cannot be written; as `say`
 */
export function writeScriptedModel(options: ScriptedModelOptions): ScriptedModel {
  const { path, context = defaultContext, script = [] } = options;
  if (!Number.isInteger(context) || context < 1 || context > maxContext)
    throw new Error(`Cannot write ${path}: a context of ${context} tokens is not one of 1 to ${maxContext}`);
  const family =
    options.vocabulary ?? familyVocabulary([options.template, ...Object.values(options.templates ?? {})].join("\n"));
  const vocabulary = makeByteVocabulary(family);
  const tokenize = createScriptTokenizer(vocabulary);
  const end = vocabulary.markers.get(family.eot ?? family.eos) as number;
  const codes = codesOf(vocabulary.pieces.length);
  const embeddings = codes.map(embedding);
  const positions = (answers: readonly Answer[]): Buffer =>
    Buffer.concat(tokensByPlace(answers, { context, end, tokenize }).map((token) => embeddings[token] as Buffer));

  const constant = constantPart({ ...options, context }, family, vocabulary, codes);
  const scripted = positions(script);
  const bytes = constant.length + scripted.length;
  if (beginsWith(path, constant, bytes)) overwrite(path, scripted, constant.length);
  else writeModelFile(path, [constant, scripted]);
  return {
    path,
    bytes,
    markers: vocabulary.markers,
    end,
    tokenize,
    say: (...answers) => overwrite(path, positions(answers), constant.length),
  };
}

/** Half of them 1 and half -1: of mean 0 and variance 1, so that the norm at the end leaves them as they are. */
type Code = Int8Array;

/** Random ones, the same each time: two of them have about as many places in common as not. */
function codesOf(count: number): readonly Code[] {
  const random = createKeystream();
  return Array.from({ length: count }, () => {
    const bytes = random(width * 4);
    const keys = Array.from({ length: width }, (_, place) => bytes.readUInt32LE(place * 4));
    const order = [...keys.keys()].toSorted((a, b) => (keys[a] as number) - (keys[b] as number));
    const code = new Int8Array(width).fill(1);
    for (const place of order.slice(width / 2)) code[place] = -1;
    return code;
  });
}

/** In Q8_0, exactly. */
function embedding(code: Code): Buffer {
  const bytes = Buffer.alloc((width / block.weights) * block.bytes);
  for (let from = 0, at = 0; from < width; from += block.weights, at += block.bytes) {
    bytes.writeUInt16LE(scaleOne, at);
    bytes.set(new Uint8Array(code.buffer, from, block.weights), at + 2);
  }
  return bytes;
}

/** All of the file but the positions' embeddings, which are its last tensor. */
function constantPart(
  options: ScriptedModelOptions & { readonly context: number },
  family: FamilyVocabulary,
  { pieces, types, markers }: ByteVocabulary,
  codes: readonly Code[],
): Buffer {
  const filled = tensorsOf(pieces.length, codes);
  const tensors = filled.map(({ tensor }) => tensor);
  const header = ggufHeader(
    {
      ...modelMetadata(options.context),
      "tokenizer.ggml.model": gguf.string("gpt2"),
      "tokenizer.ggml.pre": gguf.string("gpt-2"),
      "tokenizer.ggml.tokens": gguf.strings(pieces),
      "tokenizer.ggml.token_type": gguf.int32s(types),
      "tokenizer.ggml.merges": gguf.strings([]),
      ...endsMetadata(family, (marker) => gguf.uint32(markers.get(marker) as number)),
      ...templateMetadata(options),
    },
    [...tensors, matrix("position_embd.weight", width, options.context)],
  );
  const padded = filled.map(({ tensor, content }) => Buffer.concat([content], aligned(tensor.bytes)));
  return Buffer.concat([header, ...padded]);
}

function modelMetadata(context: number): Readonly<Record<string, Buffer>> {
  return {
    "general.architecture": gguf.string("gpt2"),
    "general.name": gguf.string("Scripted"),
    "general.description": gguf.string("Says the text of a script, for testing"),
    "general.file_type": gguf.uint32(fileTypeQ8),
    "general.quantization_version": gguf.uint32(2),
    "gpt2.context_length": gguf.uint32(context),
    "gpt2.embedding_length": gguf.uint32(width),
    "gpt2.block_count": gguf.uint32(1),
    "gpt2.feed_forward_length": gguf.uint32(feedForward),
    "gpt2.attention.head_count": gguf.uint32(1),
    "gpt2.attention.layer_norm_epsilon": gguf.float32(1e-5),
  };
}

/** A file without a token for the beginning names the end, as Qwen's do: left out, llama.cpp would take GPT-2's number for it. */
function endsMetadata(
  { bos, eos, eot, addBos = bos !== undefined }: FamilyVocabulary,
  token: (marker: string) => Buffer,
): Readonly<Record<string, Buffer>> {
  return {
    "tokenizer.ggml.bos_token_id": token(bos ?? eos),
    "tokenizer.ggml.eos_token_id": token(eos),
    ...(eot === undefined ? {} : { "tokenizer.ggml.eot_token_id": token(eot) }),
    "tokenizer.ggml.add_bos_token": gguf.bool(addBos),
  };
}

function templateMetadata({ template, templates = {} }: ScriptedModelOptions): Readonly<Record<string, Buffer>> {
  const named = Object.entries(templates);
  return {
    "tokenizer.chat_template": gguf.string(template),
    ...(named.length === 0 ? {} : { "tokenizer.chat_templates": gguf.strings(named.map(([name]) => name)) }),
    ...Object.fromEntries(named.map(([name, source]) => [`tokenizer.chat_template.${name}`, gguf.string(source)])),
  };
}

interface FilledTensor {
  readonly tensor: GgufTensor;
  readonly content: Buffer;
}

function tensorsOf(vocabulary: number, codes: readonly Code[]): FilledTensor[] {
  const zeros = (tensor: GgufTensor): FilledTensor => ({ tensor, content: Buffer.alloc(tensor.bytes) });
  const ones = (name: string): FilledTensor => {
    return { tensor: vector(name, width), content: Buffer.from(new Float32Array(width).fill(1).buffer) };
  };
  const zeroMatrix = (name: string, columns: number, rows: number): FilledTensor[] => [
    zeros(matrix(`${name}.weight`, columns, rows)),
    zeros(vector(`${name}.bias`, rows)),
  ];
  const norm = (name: string): FilledTensor[] => [ones(`${name}.weight`), zeros(vector(`${name}.bias`, width))];
  return [
    zeros(matrix("token_embd.weight", width, vocabulary)),
    ...norm("output_norm"),
    outputMatrix(codes),
    ...norm("blk.0.attn_norm"),
    ...zeroMatrix("blk.0.attn_qkv", width, 3 * width),
    ...zeroMatrix("blk.0.attn_output", width, width),
    ...norm("blk.0.ffn_norm"),
    ...zeroMatrix("blk.0.ffn_up", width, feedForward),
    ...zeroMatrix("blk.0.ffn_down", feedForward, width),
  ];
}

/** Half of the codes: the token to say gets a logit of 64 so, and the others are 20 from 0 at most, nearly always. */
function outputMatrix(codes: readonly Code[]): FilledTensor {
  const weights = Float32Array.from(codes.flatMap((code) => Array.from(code, (sign) => sign / 2)));
  const tensor = { ...vector("output.weight", weights.length), dimensions: [width, codes.length] };
  return { tensor, content: Buffer.from(weights.buffer) };
}

function beginsWith(path: string, constant: Buffer, bytes: number): boolean {
  if (!existsSync(path) || statSync(path).size !== bytes) return false;
  return readFileSync(path).subarray(0, constant.length).equals(constant);
}

function overwrite(path: string, content: Buffer, at: number): void {
  const file = openSync(path, "r+");
  try {
    for (let done = 0; done < content.length;) done += writeSync(file, content, done, content.length - done, at + done);
  } finally {
    closeSync(file);
  }
}
