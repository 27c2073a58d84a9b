// Says of each recommended model whether it fits on a machine, as `waggle fit` does, and which one is best for each purpose.
import {
  fitReport,
  mostWeights,
  readingTokensPerSecond,
  type FitReport,
  type Machine,
  type Wanted,
} from "../memory/index.ts";
import { purposes, recommendedModels, type Purpose, type RecommendedModel } from "./recommended-models.ts";
import { headerOfShape } from "./shape-header.ts";

export interface Advice {
  readonly model: RecommendedModel;
  /** Computed from the documented shape, with the documented size of the file. */
  readonly row: FitReport["rows"][number];
}

/** A model that fits only with a shorter context is of little use. */
const usefulContext = 4_096;

/** @throws RangeError for invalid settings */
export function adviseModels(machine: Machine, wanted: Wanted): readonly Advice[] {
  return recommendedModels.flatMap((model) => adviseModel(model, machine, wanted));
}

/** One element: the computation takes some 20 ms for each model, so a server does something else between two models. */
export function adviseModel(model: RecommendedModel, machine: Machine, wanted: Wanted): readonly Advice[] {
  const { name, bytes, shape } = model;
  const source = { name, quantization: shape.quantization, header: headerOfShape(shape), fileBytes: bytes };
  return fitReport([source], machine, wanted).rows.map((row) => ({ model, row }));
}

/**
 * The largest model of each purpose that leaves room, fits with a useful context and is not slower than people read.
 * @param machine for which the advice is
 */
export function bestOfPurposes(
  advice: readonly Advice[],
  machine: Machine,
): readonly { readonly purpose: Purpose; readonly best: Advice | undefined }[] {
  return purposes.map((purpose) => ({
    purpose,
    best: bestOf(
      advice.filter(({ model }) => model.purposes.includes(purpose)),
      machine,
    ),
  }));
}

/** The largest of the models that leaves room, fits with a useful context and is not slower than people read. */
export function bestOf(advice: readonly Advice[], machine: Pick<Machine, "freeBytes" | "gpu">): Advice | undefined {
  const most = mostWeights(machine);
  return advice.findLast(({ model, row }) => model.bytes <= most && isUseful(model, row));
}

function isUseful({ shape }: RecommendedModel, { fit }: Advice["row"]): boolean {
  if (fit === undefined || fit.verdict === "none") return false;
  const isQuick = (fit.tokensPerSecond ?? Infinity) >= readingTokensPerSecond;
  const embeds = shape.pooling !== undefined;
  return isQuick && (embeds || fit.contextSize >= usefulContext);
}
