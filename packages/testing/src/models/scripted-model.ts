// Writes models that generate the text of a script. llama.cpp loads them, samples from them and applies grammars to them as to any model.
//
// A scripted model has gpt2's architecture and one block of zeros, so only the embeddings reach its output. Token embeddings are zero too. A
// position's embedding is the code of the next token, and the output matrix has the same codes. So the next token's logit is far above all other
// logits, and sampling finds the token at any common temperature. An answer is bound to positions, and so to a prompt of a certain length.
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { makeByteVocabulary, type ByteVocabulary } from "./byte-vocabulary.ts";
import { familyVocabulary, type FamilyVocabulary } from "./family-vocabulary.ts";
import { aligned, block, fileType, gguf, ggufHeader, matrix, singleMatrix, vector, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { createScriptTokenizer, tokensByPlace, type Answer, type Script } from "./script.ts";

export interface ScriptedModelOptions {
  readonly path: string;
  /** The source of its chat template. */
  readonly template: string;
  /** Further templates by their names, such as `tool_use`. */
  readonly templates?: Readonly<Record<string, string>>;
  /** By default the vocabulary of the family that the templates show. */
  readonly vocabulary?: FamilyVocabulary;
  /** Context length in tokens; 4,096 by default. */
  readonly context?: number;
  /** The model's answers; by default every answer is empty. */
  readonly script?: readonly Answer[];
}

export interface ScriptedModel {
  readonly path: string;
  readonly bytes: number;
  /** The token of each marker. The tokens 0 to 255 are the bytes. */
  readonly markers: ReadonlyMap<string, number>;
  /** Token that ends an answer. */
  readonly end: number;
  /** The tokens of a script, without the end token. @throws Error naming an unknown marker */
  tokenize(script: Script): number[];
  /**
   * Replaces all answers in the file. A worker that maps the file into memory, llama.cpp's default, generates the new answers from its next token
   * on.
   * @throws Error like `tokenize`, and when answers overlap or do not fit into the context
   */
  say(...answers: readonly Answer[]): void;
}

const width = 128;
const feedForward = block.weights;
const defaultContext = 4_096;
const maxContext = 131_072;
/** The half float 1. */
const scaleOne = 0x3c00;

/**
 * Writes the model's file. If the file exists and only its answers differ, replaces the answers in place, like `say`.
 * @throws Error naming a path that cannot be written; like `say`
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

/** Half of the numbers are 1 and half are -1. Mean 0 and variance 1, so that the final norm does not change them. */
type Code = Int8Array;

/** Pseudo-random codes, the same each time. Two codes agree in about half of their numbers. */
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

/** A code in Q8_0, without a rounding error. */
function embedding(code: Code): Buffer {
  const bytes = Buffer.alloc((width / block.weights) * block.bytes);
  for (let from = 0, at = 0; from < width; from += block.weights, at += block.bytes) {
    bytes.writeUInt16LE(scaleOne, at);
    bytes.set(new Uint8Array(code.buffer, from, block.weights), at + 2);
  }
  return bytes;
}

/** The whole file except the positions' embeddings, which are the last tensor. */
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
    "general.file_type": gguf.uint32(fileType.Q8_0),
    "general.quantization_version": gguf.uint32(2),
    "gpt2.context_length": gguf.uint32(context),
    "gpt2.embedding_length": gguf.uint32(width),
    "gpt2.block_count": gguf.uint32(1),
    "gpt2.feed_forward_length": gguf.uint32(feedForward),
    "gpt2.attention.head_count": gguf.uint32(1),
    "gpt2.attention.layer_norm_epsilon": gguf.float32(1e-5),
  };
}

/** If the vocabulary has no BOS token, BOS is the end token, as in Qwen's files: otherwise llama.cpp would assume GPT-2's token number. */
function endsMetadata(
  { bos, eos, eot }: FamilyVocabulary,
  token: (marker: string) => Buffer,
): Readonly<Record<string, Buffer>> {
  return {
    "tokenizer.ggml.bos_token_id": token(bos ?? eos),
    "tokenizer.ggml.eos_token_id": token(eos),
    ...(eot === undefined ? {} : { "tokenizer.ggml.eot_token_id": token(eot) }),
    "tokenizer.ggml.add_bos_token": gguf.bool(bos !== undefined),
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

/** The codes times 1/2: the next token's logit is 64, and nearly all other logits are between -20 and 20. */
function outputMatrix(codes: readonly Code[]): FilledTensor {
  const weights = Float32Array.from(codes.flatMap((code) => Array.from(code, (sign) => sign / 2)));
  return { tensor: singleMatrix("output.weight", width, codes.length), content: Buffer.from(weights.buffer) };
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
