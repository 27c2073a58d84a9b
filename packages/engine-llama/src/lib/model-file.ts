// Owns what a model's file says of the model, for those who list models.
import { statSync } from "node:fs";
import type { ModelFile } from "@waggle/engine";
import { GgufFileType, type LlamaModel } from "node-llama-cpp";
import type { GgufHeader } from "./gguf-header.ts";

export function describeFile(
  modelPath: string,
  { architecture }: Pick<GgufHeader, "architecture">,
  { fileInfo }: Pick<LlamaModel, "fileInfo">,
): ModelFile {
  return {
    architecture,
    quantization: quantizationOf(fileInfo.metadata.general.file_type),
    modifiedAt: statSync(modelPath).mtime.toISOString(),
  };
}

/** llama.cpp's name of a `general.file_type`, without the "mostly" that all of them begin with. */
export function quantizationOf(fileType: number | undefined): string | undefined {
  const name = fileType === undefined ? undefined : (GgufFileType as Record<number, string>)[fileType];
  return name?.replace(/^(MOSTLY|ALL)_/, "");
}
