// Owns the model facts that the fake backend reports.
import { genericFormat } from "@waggle/chat-format/format";
import type { LoadedSettings } from "@waggle/protocol";
import type { BackendInfo } from "../port/backend.ts";
import type { FakeBackendOptions } from "./fake-backend.ts";
import { fakeVectorWidth } from "./fake-embedder.ts";

export function fakeInfo(options: FakeBackendOptions): BackendInfo {
  const { slots, contextSize, batchSize = 512, threads = 1, kind = "generate", chatFormat = genericFormat } = options;
  const { adapters } = options;
  return {
    backend: "fake",
    kind,
    ...(kind === "rerank" ? {} : { embeddingSize: fakeVectorWidth }),
    modelName: "waggle-fake",
    contextSize,
    trainedContextSize: contextSize,
    slots,
    batchSize,
    parameters: 0,
    modelBytes: 0,
    device: "fake",
    threads,
    maxThreads: threads,
    build: "fake",
    ...(adapters === undefined ? {} : { settings: fakeSettings(batchSize, adapters) }),
    chatFormat,
    infill: true,
    promptTexts: { chatTemplate: "", bos: "", eos: "" },
  };
}

function fakeSettings(batchSize: number, adapters: readonly number[]): LoadedSettings {
  return {
    batch_size: batchSize,
    cache_type_k: "f16",
    cache_type_v: "f16",
    flash_attention: false,
    gpu_layers: 0,
    mmap: false,
    mlock: false,
    lora: adapters.map((scale, id) => ({ id, file: `fake-${id}.gguf`, scale })),
  };
}
