// Compiles a template, and renders it on this thread. Renderings depend only on their values, and on the date if the template reads it.
import { createBudget } from "./budget.ts";
import { createGlobals } from "./builtins/globals.ts";
import { listFilters } from "./builtins/list-filters.ts";
import { tests } from "./builtins/tests.ts";
import { textFilters } from "./builtins/text-filters.ts";
import { defaultRenderLimits, type RenderLimits } from "./limits.ts";
import { createOutput, type Filter } from "./runtime/runtime.ts";
import { createScope, innerScope } from "./runtime/scope.ts";
import { run } from "./runtime/statements.ts";
import { parseTemplate } from "./syntax/statements.ts";
import { TemplateError, overLimit } from "./template-error.ts";
import { fromPlain } from "./values/input.ts";
import type { Value } from "./values/value.ts";

export interface CompiledTemplate {
  /**
   * @param values plain JSON data, in which a JsonText may replace a value
   * @throws TemplateError
   */
  render(values: Readonly<Record<string, unknown>>, options: RenderOptions): string;
}

export interface RenderOptions {
  readonly now: () => Date;
  readonly limits?: RenderLimits;
  /** Receives the steps of the rendering, also if the rendering fails. */
  readonly onSpent?: (steps: number) => void;
}

const filters: ReadonlyMap<string, Filter> = new Map(Object.entries({ ...textFilters, ...listFilters }));

/**
 * Renders on the caller's thread, which a template may block for seconds within its limits.
 * @throws TemplateError syntax, unsupported, limit
 */
export function compileTemplate(source: string): CompiledTemplate {
  const body = guarded(() => parseTemplate(source));
  return {
    render(values, { now, limits = defaultRenderLimits, onSpent = () => {} }) {
      const budget = createBudget(limits);
      const text = (): string => {
        const names = new Map<string, Value>(createGlobals(budget, now));
        for (const [name, value] of Object.entries(values)) {
          if (value !== undefined) names.set(name, fromPlain(value));
        }
        const out = createOutput(budget);
        run(body, innerScope(createScope(names)), out, { budget, filters, tests });
        return out.text();
      };
      try {
        return guarded(text);
      } finally {
        onSpent(budget.spent);
      }
    },
  };
}

/** Converts stack overflows to template errors, since the depth of the stack is the only limit without a counter. */
function guarded<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    if (error instanceof RangeError) throw overLimit("it is nested too deep");
    throw error;
  }
}
