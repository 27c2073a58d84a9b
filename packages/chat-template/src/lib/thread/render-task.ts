// Owns what rendering is asked and answers: a template by its number with values, a text or what is wrong. It does not know where it happens.
import { compileTemplate } from "../compiled-template.ts";
import type { CompiledTemplate } from "../compiled-template.ts";
import type { RenderLimits } from "../limits.ts";
import { TemplateError } from "../template-error.ts";
import type { TemplateErrorReason } from "../template-error.ts";

export interface ThreadTask {
  readonly template: number;
  /** Of a template that this thread has not had yet. */
  readonly source?: string;
  /** Absent: the template is only to be read. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
  readonly limits: RenderLimits;
}

/** `reason` is absent for a defect of ours. */
export type ThreadResult =
  | { readonly kind: "rendered"; readonly text: string }
  | { readonly kind: "failed"; readonly reason: TemplateErrorReason | undefined; readonly message: string };

/** Said once, when everything is loaded: what comes after it is the template's own time. */
export interface ThreadReady {
  readonly kind: "ready";
  /** Where the thread's own times can be read; undefined where nothing tells them. */
  readonly times: string | undefined;
}

/** Keeps each template that it has been given. */
export function createTaskPerformer(): (task: ThreadTask) => ThreadResult {
  const templates = new Map<number, CompiledTemplate>();
  return ({ template, source, values, nowMs, limits }) => {
    try {
      if (source !== undefined) templates.set(template, compileTemplate(source));
      if (values === undefined) return { kind: "rendered", text: "" };
      const text = templates.get(template)?.render(values, { now: () => new Date(nowMs), limits });
      return text === undefined
        ? { kind: "failed", reason: undefined, message: "its thread does not know the template" }
        : { kind: "rendered", text };
    } catch (error) {
      const message = error instanceof Error ? error.message : "unknown";
      return { kind: "failed", reason: error instanceof TemplateError ? error.reason : undefined, message };
    }
  };
}
