// Writes the file of a LoRA adapter: small random changes of some matrices of a model, with the names of llama.cpp (`llama-adapter.cpp`).
import { aligned, gguf, ggufHeader, singleMatrix, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";

export interface LoraShape {
  /** Architecture of the adapted model, such as `llama`. */
  readonly architecture: string;
  /** Matrices of the model to change, such as `blk.0.attn_q.weight`, with their sizes in the model. */
  readonly matrices: readonly { readonly name: string; readonly columns: number; readonly rows: number }[];
  /** Rank of the change; 2 by default. */
  readonly rank?: number;
  /** Greatest absolute weight; 0.1 by default. Adapters of different strengths are equal up to this factor. */
  readonly strength?: number;
}

/** Returns the size of the file in bytes. */
export function writeLora({ architecture, matrices, rank = 2, strength = 0.1 }: LoraShape, path: string): number {
  const metadata = {
    "general.type": gguf.string("adapter"),
    "general.architecture": gguf.string(architecture),
    "general.name": gguf.string("Random adapter"),
    "adapter.type": gguf.string("lora"),
    // llama.cpp scales the change by alpha / rank, which is 1 here.
    "adapter.lora.alpha": gguf.float32(rank),
  };
  const tensors = matrices.flatMap(({ name, columns, rows }) => [
    singleMatrix(`${name}.lora_a`, columns, rank),
    singleMatrix(`${name}.lora_b`, rank, rows),
  ]);
  return writeModelFile(path, pieces(ggufHeader(metadata, tensors), tensors, strength));
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
