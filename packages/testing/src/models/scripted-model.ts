// Writes models that generate the text of a script. llama.cpp loads them, samples from them and applies grammars to them as to any model.
//
// A scripted model has gpt2's architecture and blocks of zeros, so only the embeddings reach its output. Token embeddings are zero too. A
// position's embedding is the code of the next token, and the output matrix has the same codes. So the next token's logit is far above all other
// logits, and sampling finds the token at any common temperature. An answer is bound to positions, and so to a prompt of a certain length.
//
// Zeros cost as much as other weights: in the shape of a real model, a scripted model computes as long as the real one.
import { closeSync, existsSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { makeByteVocabulary, type ByteVocabulary } from "./vocabulary/byte-vocabulary.ts";
import { familyVocabulary, type FamilyVocabulary } from "./vocabulary/family-vocabulary.ts";
import { codeRow, codesOf, type Code, type CodeType } from "./codes.ts";
import { aligned, fileType, gguf, ggufHeader, matrix, singleMatrix, vector, type GgufTensor } from "./gguf.ts";
import { writeModelFile } from "./model-file.ts";
import { quantized, type Quantization } from "./quantization.ts";
import { createScriptTokenizer, tokensByPlace, type Answer, type Script } from "./script.ts";
import type { ModelShape } from "./shapes.ts";
import { endsMetadata } from "./vocabulary/tokenizer-ends.ts";

export interface ScriptedModelOptions {
  readonly path: string;
  /** The source of its chat template; a plain one with ChatML's markers by default. */
  readonly template?: string;
  /** Further templates by their names, such as `tool_use`. */
  readonly templates?: Readonly<Record<string, string>>;
  /** Further metadata; a number is stored in single precision. */
  readonly metadata?: Readonly<Record<string, string | number>>;
  /** By default the vocabulary of the family that the templates show. */
  readonly vocabulary?: FamilyVocabulary;
  /** Context length in tokens; 4,096 by default. */
  readonly context?: number;
  /** The model's answers; by default every answer is empty. */
  readonly script?: readonly Answer[];
  /** Size of the matrices and of the vocabulary, those of a decoder; by default as small as possible. */
  readonly shape?: ModelShape;
  /** Types of the weights of a model with a shape; Q8_0 by default. */
  readonly quantization?: Quantization;
  /** Called after each part of a new file with the share that is written, up to 1. */
  readonly onProgress?: (share: number) => void;
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

const defaultContext = 4_096;
const maxContext = 131_072;
/** The next token's logit. Nearly all other logits are between -20 and 20. */
const leadingLogit = 64;
const pieceBytes = 1_048_576;

const chatMl =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

type Sizes = Pick<ModelShape, "layers" | "width" | "heads" | "kvHeads" | "feedForward">;

const smallest: Sizes = { layers: 1, width: 128, heads: 1, kvHeads: 1, feedForward: 32 };

/** gpt2 has no gate: its two matrices of a feed-forward part are made as large as the three of other models. */
function sizesOf(shape: ModelShape): Sizes {
  return { ...shape, feedForward: (shape.feedForward * 3) / 2 };
}

/** Usual path of a scripted model in the repository, in a folder that git ignores. */
export function scriptedPath(shape: ModelShape | undefined, quantization: Quantization): string {
  const kind = shape === undefined ? "" : `-${shape.name}-${quantization.toLowerCase()}`;
  return `.waggle/models/scripted${kind}.gguf`;
}

/**
 * Writes the model's file. If the file exists and only its answers differ, replaces the answers in place, like `say`.
 * @throws Error naming a path that cannot be written; like `say`
 */
export function writeScriptedModel(options: ScriptedModelOptions): ScriptedModel {
  const { path, context = defaultContext, script = [], shape, template = chatMl, onProgress = () => {} } = options;
  if (!Number.isInteger(context) || context < 1 || context > maxContext)
    throw new Error(`Cannot write ${path}: a context of ${context} tokens is not one of 1 to ${maxContext}`);
  const family =
    options.vocabulary ?? familyVocabulary([template, ...Object.values(options.templates ?? {})].join("\n"));
  const vocabulary = makeByteVocabulary(family, shape?.vocabulary);
  const tokenize = createScriptTokenizer(vocabulary);
  const end = vocabulary.markers.get(family.eot ?? family.eos) as number;
  const sizes = shape === undefined ? smallest : sizesOf(shape);
  const codes = codesOf(vocabulary.usedCount, sizes.width);
  const embeddings = codes.map((code) => codeRow(code, "q8_0", 1));
  const positions = (answers: readonly Answer[]): Buffer =>
    Buffer.concat(tokensByPlace(answers, { context, end, tokenize }).map((token) => embeddings[token] as Buffer));

  const tensors = tensorsOf(sizes, vocabulary.pieces.length, options);
  const header = headerOf({ ...options, template, context }, { sizes, family, vocabulary, tensors });
  const constantBytes = tensors.reduce((sum, { bytes }) => sum + aligned(bytes), header.length);
  const constant = (): Iterable<Buffer> => constantPieces(header, tensors, codes);
  const scripted = positions(script);
  const bytes = constantBytes + scripted.length;
  if (beginsWith(path, constant(), bytes)) overwrite(path, scripted, constantBytes);
  else writeModelFile(path, reported([constant(), [scripted]], bytes, onProgress));
  return {
    path,
    bytes,
    markers: vocabulary.markers,
    end,
    tokenize,
    say: (...answers) => overwrite(path, positions(answers), constantBytes),
  };
}

interface ScriptedModelParts {
  readonly sizes: Sizes;
  readonly family: FamilyVocabulary;
  readonly vocabulary: ByteVocabulary;
  /** All tensors except the positions' embeddings. */
  readonly tensors: readonly GgufTensor[];
}

function headerOf(
  options: ScriptedModelOptions & { readonly template: string; readonly context: number },
  { sizes, family, vocabulary: { pieces, types, markers }, tensors }: ScriptedModelParts,
): Buffer {
  return ggufHeader(
    {
      ...modelMetadata(sizes, options),
      "tokenizer.ggml.model": gguf.string("gpt2"),
      "tokenizer.ggml.pre": gguf.string("gpt-2"),
      "tokenizer.ggml.tokens": gguf.strings(pieces),
      "tokenizer.ggml.token_type": gguf.int32s(types),
      "tokenizer.ggml.merges": gguf.strings([]),
      ...endsMetadata(family, markers),
      ...templateMetadata(options),
      ...furtherMetadata(options),
    },
    [...tensors, matrix("position_embd.weight", sizes.width, options.context)],
  );
}

function modelMetadata(
  { layers, width, heads, kvHeads, feedForward }: Sizes,
  { context, shape, quantization = "Q8_0" }: ScriptedModelOptions & { readonly context: number },
): Readonly<Record<string, Buffer>> {
  return {
    "general.architecture": gguf.string("gpt2"),
    "general.name": gguf.string(["Scripted", ...(shape === undefined ? [] : [shape.name])].join(" ")),
    "general.description": gguf.string("Says the text of a script, for testing"),
    "general.file_type": gguf.uint32(fileType[quantization]),
    "general.quantization_version": gguf.uint32(2),
    "gpt2.context_length": gguf.uint32(context),
    "gpt2.embedding_length": gguf.uint32(width),
    "gpt2.block_count": gguf.uint32(layers),
    "gpt2.feed_forward_length": gguf.uint32(feedForward),
    "gpt2.attention.head_count": gguf.uint32(heads),
    "gpt2.attention.head_count_kv": gguf.uint32(kvHeads),
    "gpt2.attention.layer_norm_epsilon": gguf.float32(1e-5),
  };
}

function furtherMetadata({ metadata = {} }: ScriptedModelOptions): Readonly<Record<string, Buffer>> {
  const entries = Object.entries(metadata).map(([key, value]) => [
    key,
    typeof value === "string" ? gguf.string(value) : gguf.float32(value),
  ]);
  return Object.fromEntries(entries) as Record<string, Buffer>;
}

function templateMetadata({
  template,
  templates = {},
}: ScriptedModelOptions & { readonly template: string }): Readonly<Record<string, Buffer>> {
  const named = Object.entries(templates);
  return {
    "tokenizer.chat_template": gguf.string(template),
    ...(named.length === 0 ? {} : { "tokenizer.chat_templates": gguf.strings(named.map(([name]) => name)) }),
    ...Object.fromEntries(named.map(([name, source]) => [`tokenizer.chat_template.${name}`, gguf.string(source)])),
  };
}

/** All tensors except the positions' embeddings, which are the last tensor. The smallest model has its output matrix in single precision. */
function tensorsOf(
  { layers, width, heads, kvHeads, feedForward }: Sizes,
  vocabulary: number,
  { shape, quantization = "Q8_0" }: ScriptedModelOptions,
): readonly GgufTensor[] {
  const norm = (name: string): GgufTensor[] => [vector(`${name}.weight`, width), vector(`${name}.bias`, width)];
  const biased = (name: string, columns: number, rows: number): GgufTensor[] => [
    matrix(`${name}.weight`, columns, rows),
    vector(`${name}.bias`, rows),
  ];
  const output = shape === undefined ? singleMatrix : matrix;
  const plain = [
    matrix("token_embd.weight", width, vocabulary),
    ...norm("output_norm"),
    output("output.weight", width, vocabulary),
    ...Array.from({ length: layers }, (_, layer) => [
      ...norm(`blk.${layer}.attn_norm`),
      ...biased(`blk.${layer}.attn_qkv`, width, width + 2 * kvHeads * (width / heads)),
      ...biased(`blk.${layer}.attn_output`, width, width),
      ...norm(`blk.${layer}.ffn_norm`),
      ...biased(`blk.${layer}.ffn_up`, width, feedForward),
      ...biased(`blk.${layer}.ffn_down`, feedForward, width),
    ]).flat(),
  ];
  return quantized(plain, quantization, layers);
}

function* constantPieces(
  header: Buffer,
  tensors: readonly GgufTensor[],
  codes: readonly Code[],
): Generator<Buffer, void> {
  yield header;
  for (const { name, type, dimensions, bytes } of tensors) {
    const [width = 1] = dimensions;
    const filled = name.endsWith("norm.weight")
      ? Buffer.from(new Float32Array(width).fill(1).buffer)
      : name === "output.weight"
        ? Buffer.concat(codes.map((code) => codeRow(code, type as CodeType, leadingLogit / width)))
        : empty;
    yield filled;
    yield* zeros(aligned(bytes) - filled.length);
  }
}

const empty = Buffer.alloc(0);
const zeroPiece = Buffer.alloc(pieceBytes);

function* zeros(bytes: number): Generator<Buffer, void> {
  for (let rest = bytes; rest > 0; rest -= pieceBytes) yield zeroPiece.subarray(0, rest);
}

function* reported(
  parts: readonly Iterable<Buffer>[],
  bytes: number,
  onProgress: (share: number) => void,
): Generator<Buffer, void> {
  let written = 0;
  for (const part of parts) {
    for (const piece of part) {
      yield piece;
      written += piece.length;
      onProgress(written / bytes);
    }
  }
}

/** Whether the file has this size and begins with the pieces. */
function beginsWith(path: string, pieces: Iterable<Buffer>, bytes: number): boolean {
  if (!existsSync(path) || statSync(path).size !== bytes) return false;
  const file = openSync(path, "r");
  try {
    let at = 0;
    for (const piece of pieces) {
      const found = Buffer.alloc(piece.length);
      if (readSync(file, found, 0, found.length, at) !== piece.length || !found.equals(piece)) return false;
      at += piece.length;
    }
    return true;
  } finally {
    closeSync(file);
  }
}

function overwrite(path: string, content: Buffer, at: number): void {
  const file = openSync(path, "r+");
  try {
    for (let done = 0; done < content.length;) done += writeSync(file, content, done, content.length - done, at + done);
  } finally {
    closeSync(file);
  }
}
