// Owns what `waggle fit` says, as plain data: a row for each model, all of one repository or just one file.
import { modelCardOf, type GgufHeader } from "../header/index.ts";
import { largestFit, type Fit, type Wanted } from "./largest-fit.ts";
import type { Machine } from "./machine.ts";

export interface FitSource {
  /** The file, as a person knows it. */
  readonly name: string;
  readonly quantization?: string | undefined;
  /** Its own, or that of another quantization of the same model: then `fileBytes` says how large this one is. */
  readonly header: GgufHeader;
  readonly fileBytes?: number | undefined;
}

export interface FitRow {
  readonly name: string;
  readonly quantization: string | undefined;
  readonly fileBytes: number;
  /** Undefined where `problem` says why the model can be used for nothing. */
  readonly fit: Fit | undefined;
  readonly problem: string | undefined;
}

export interface FitReport {
  readonly machine: Machine;
  readonly wanted: Wanted;
  readonly rows: readonly FitRow[];
}

/** @throws RangeError for settings that make no sense */
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
    fit: problem === undefined ? largestFit(sizedHeader(header, fileBytes), machine, wanted) : undefined,
    problem,
  };
}

/** What every quantization of a model says of itself is the same, but for its tensors: they take the same parts of the file, nearly. */
function sizedHeader(header: GgufHeader, fileBytes: number): GgufHeader {
  if (fileBytes === header.fileBytes || header.tensorBytes === 0) return header;
  const words = header.fileBytes - header.tensorBytes;
  const factor = Math.max(0, fileBytes - words) / header.tensorBytes;
  return {
    ...header,
    fileBytes,
    tensorBytes: header.tensorBytes * factor,
    tensors: header.tensors.map((tensor) => ({ ...tensor, bytes: Math.round(tensor.bytes * factor) })),
  };
}
