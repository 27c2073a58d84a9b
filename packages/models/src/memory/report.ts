// Makes the report of `waggle fit` as plain data, with a row for each model file.
import { modelCardOf, type GgufHeader } from "../header/index.ts";
import { largestFit, type Fit, type Wanted } from "./largest-fit.ts";
import type { Machine } from "./machine.ts";
import type { PictureMemorySettings } from "./picture-memory.ts";

export interface FitSource {
  /** The file's name for people. */
  readonly name: string;
  readonly quantization?: string | undefined;
  /** The file's header, or that of another quantization of the same model: `fileBytes` must be set in this case. */
  readonly header: GgufHeader;
  readonly fileBytes?: number | undefined;
  /** The model's projector; undefined: the model reads no pictures. */
  readonly pictures?: PictureMemorySettings | undefined;
}

export interface FitRow {
  readonly name: string;
  readonly quantization: string | undefined;
  readonly fileBytes: number;
  /** Undefined if the model cannot be used; `problem` is then the reason. */
  readonly fit: Fit | undefined;
  readonly problem: string | undefined;
}

export interface FitReport {
  readonly machine: Machine;
  readonly wanted: Wanted;
  readonly rows: readonly FitRow[];
}

/** @throws RangeError for invalid settings */
export function fitReport(sources: readonly FitSource[], machine: Machine, wanted: Wanted = {}): FitReport {
  return { machine, wanted, rows: sources.map((source) => rowOf(source, machine, wanted)) };
}

function rowOf(source: FitSource, machine: Machine, wanted: Wanted): FitRow {
  const { name, header, fileBytes = header.fileBytes } = source;
  const { problem, quantization } = modelCardOf(header);
  const other = fileBytes !== header.fileBytes;
  return {
    name,
    quantization: source.quantization ?? (other ? undefined : quantization),
    fileBytes,
    fit:
      problem === undefined
        ? largestFit(sizedHeader(header, fileBytes), machine, { ...wanted, pictures: source.pictures })
        : undefined,
    problem,
  };
}

/** Quantizations of a model have the same header except for the tensors' sizes. The sizes are scaled, as if all tensors shrank by the same factor. */
function sizedHeader(header: GgufHeader, fileBytes: number): GgufHeader {
  if (fileBytes === header.fileBytes || header.tensorBytes === 0) return header;
  const headerBytes = header.fileBytes - header.tensorBytes;
  const factor = Math.max(0, fileBytes - headerBytes) / header.tensorBytes;
  return {
    ...header,
    fileBytes,
    tensorBytes: header.tensorBytes * factor,
    tensors: header.tensors.map((tensor) => ({ ...tensor, bytes: Math.round(tensor.bytes * factor) })),
  };
}
