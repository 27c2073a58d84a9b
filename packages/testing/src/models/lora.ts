// Owns the making of a LoRA adapter's file: small random changes of some of a model's matrices, by the names that llama.cpp reads (`llama-adapter.cpp`).
import { gguf, ggufHeader, aligned, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";

export interface LoraShape {
  /** Of the model that it is for: `llama`, say. */
  readonly architecture: string;
  /** The model's matrices that it changes: `blk.0.attn_q.weight`, say, with as many columns and rows as there. */
  readonly matrices: readonly { readonly name: string; readonly columns: number; readonly rows: number }[];
  /** 2 by default. */
  readonly rank?: number;
  /** The greatest number in it; 0.1 by default. Two adapters with different ones differ in nothing else. */
  readonly strength?: number;
}

/** Answers with the file's bytes. */
export function writeLora({ architecture, matrices, rank = 2, strength = 0.1 }: LoraShape, path: string): number {
  const metadata = {
    "general.type": gguf.string("adapter"),
    "general.architecture": gguf.string(architecture),
    "general.name": gguf.string("Random adapter"),
    "adapter.type": gguf.string("lora"),
    // What is added is multiplied by alpha over rank.
    "adapter.lora.alpha": gguf.float32(rank),
  };
  const tensors = matrices.flatMap(({ name, columns, rows }) => [
    singles(`${name}.lora_a`, columns, rank),
    singles(`${name}.lora_b`, rank, rows),
  ]);
  return writeModelFile(path, pieces(ggufHeader(metadata, tensors), tensors, strength));
}

function singles(name: string, columns: number, rows: number): GgufTensor {
  return { name, dimensions: [columns, rows], type: "f32", bytes: columns * rows * Float32Array.BYTES_PER_ELEMENT };
}

function* pieces(header: Buffer, tensors: readonly GgufTensor[], strength: number): Generator<Buffer, void> {
  yield header;
  const random = createKeystream();
  for (const { bytes } of tensors) {
    const bytesOfEach = random(bytes / Float32Array.BYTES_PER_ELEMENT);
    const numbers = Float32Array.from(bytesOfEach, (byte) => ((byte - 127.5) / 127.5) * strength);
    yield Buffer.concat([Buffer.from(numbers.buffer), Buffer.alloc(aligned(bytes) - bytes)]);
  }
}
