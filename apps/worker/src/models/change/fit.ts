// Converts the fit of a model to its form on the wire, for models of the hub and recommended models.
import { neededBytes, type FitReport } from "@waggle/models/memory";
import type { Fit } from "@waggle/protocol";

/** @param model name of the worker's model that has the file */
export function modelField(model: string | undefined): { readonly model?: string } {
  return model === undefined ? {} : { model };
}

/** Returns no field if the fit is not known. */
export function fitField(fit: FitReport["rows"][number]["fit"]): { readonly fit?: Fit } {
  if (fit === undefined) return {};
  const { verdict, contextSize, oneAnswerBytes, gpu } = fit;
  const memory = { one_answer_bytes: Math.round(oneAnswerBytes), memory_bytes: Math.round(neededBytes(fit)) };
  return { fit: { verdict, context_size: contextSize, ...memory, gpu } };
}
