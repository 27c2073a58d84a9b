// Owns the messages of the thread that renders templates, and their handling. A task has a template's number and values; a result has a text or
// an error.
import { compileTemplate, type CompiledTemplate } from "../compiled-template.ts";
import type { RenderLimits } from "../limits.ts";
import { TemplateError, type TemplateErrorReason } from "../template-error.ts";

export interface RenderTask {
  readonly template: number;
  /** Source of the template, if the thread does not have the template yet. */
  readonly source?: string;
  /** Absent: the template is parsed, but not rendered. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
  readonly limits: RenderLimits;
}

export type RenderResult = { readonly steps: number } & (
  | { readonly kind: "rendered"; readonly text: string }
  | { readonly kind: "failed"; readonly reason: TemplateErrorReason; readonly message: string }
);

/** The performer keeps each template that it has parsed. It throws only for defects of this package. */
export function createTaskPerformer(): (task: RenderTask) => RenderResult {
  const templates = new Map<number, CompiledTemplate>();
  return ({ template, source, values, nowMs, limits }) => {
    let steps = 0;
    const onSpent = (spent: number): void => void (steps = spent);
    try {
      if (source !== undefined) templates.set(template, compileTemplate(source));
      if (values === undefined) return { kind: "rendered", text: "", steps };
      const compiled = templates.get(template);
      if (compiled === undefined) throw new Error("its thread does not know the template");
      const text = compiled.render(values, { now: () => new Date(nowMs), limits, onSpent });
      return { kind: "rendered", text, steps };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return { kind: "failed", reason: error.reason, message: error.message, steps };
    }
  };
}
