// Owns the messages to and from the thread that renders: a template by its number with values, and a text or an error.
import { compileTemplate } from "../compiled-template.ts";
import type { CompiledTemplate } from "../compiled-template.ts";
import type { RenderLimits } from "../limits.ts";
import { TemplateError } from "../template-error.ts";
import type { TemplateErrorReason } from "../template-error.ts";

export interface RenderTask {
  readonly template: number;
  /** Of a template that this thread has not had yet. */
  readonly source?: string;
  /** Absent: the template is only to be read. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
  readonly limits: RenderLimits;
}

export type RenderResult =
  | { readonly kind: "rendered"; readonly text: string }
  | { readonly kind: "failed"; readonly reason: TemplateErrorReason; readonly message: string };

/** Keeps each template that it was given. Throws for a defect of ours. */
export function createTaskPerformer(): (task: RenderTask) => RenderResult {
  const templates = new Map<number, CompiledTemplate>();
  return ({ template, source, values, nowMs, limits }) => {
    try {
      if (source !== undefined) templates.set(template, compileTemplate(source));
      if (values === undefined) return { kind: "rendered", text: "" };
      const compiled = templates.get(template);
      if (compiled === undefined) throw new Error("its thread does not know the template");
      return { kind: "rendered", text: compiled.render(values, { now: () => new Date(nowMs), limits }) };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return { kind: "failed", reason: error.reason, message: error.message };
    }
  };
}
