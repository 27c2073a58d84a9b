// Owns the tasks of the thread that renders templates, and their results.
import { performHere, type StartIsolateThread } from "@waggle/async";
import { compileTemplate, type CompiledTemplate } from "./compiled-template.ts";
import { TemplateError, type TemplateErrorReason } from "./template-error.ts";

export interface RenderTask {
  readonly source: string;
  /** Absent: the template is parsed, but not rendered. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
}

export type RenderResult = { readonly steps: number } & (
  | { readonly kind: "rendered"; readonly text: string }
  | { readonly kind: "failed"; readonly reason: TemplateErrorReason; readonly message: string }
);

export type StartTemplateThread = StartIsolateThread<RenderTask, RenderResult>;

/** The performer keeps each template that it has parsed. It throws only for defects of this package. */
export function createTaskPerformer(): (task: RenderTask) => RenderResult {
  const templates = new Map<string, CompiledTemplate>();
  return ({ source, values, nowMs }) => {
    let steps = 0;
    const onSpent = (spent: number): void => void (steps = spent);
    try {
      const compiled = templates.get(source) ?? compileTemplate(source);
      templates.set(source, compiled);
      const text = values === undefined ? "" : compiled.render(values, { now: () => new Date(nowMs), onSpent });
      return { kind: "rendered", text, steps };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return { kind: "failed", reason: error.reason, message: error.message, steps };
    }
  };
}

/** Renders on the caller's thread. */
export const renderHere: StartTemplateThread = (events) => performHere(createTaskPerformer(), events);
