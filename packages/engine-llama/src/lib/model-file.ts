// Owns what a model's file says of the model, for those who list models.
import { statSync } from "node:fs";
import type { ModelFile } from "@waggle/engine";
import { descriptionOf, quantizationOfHeader, type GgufHeader } from "@waggle/gguf";

export function describeFile(modelPath: string, header: GgufHeader): ModelFile {
  return {
    architecture: header.architecture,
    quantization: quantizationOfHeader(header),
    description: descriptionOf(header),
    modifiedAt: statSync(modelPath).mtime.toISOString(),
  };
}
