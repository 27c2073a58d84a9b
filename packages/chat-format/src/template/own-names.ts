// Makes values for the few templates that read variables which transformers does not pass. Without them, such a template prints an old date or
// refuses to render.
import { strftime } from "./builtins/strftime.ts";

/**
 * - `date_string`: Llama 3.x, "21 Nov 2026"; without it, 3.1 and 3.3 print 26 July 2024
 * - `datetime`: FireFunction v2, "2026-11-21 14:05:00"
 * - `functions`: FireFunction v2, the tools as indented JSON instead of `tools`
 *
 * All other templates call `strftime_now`, or print no date.
 */
export function ownNames(
  source: string,
  tools: readonly unknown[] | null,
  date: Date,
): Readonly<Record<string, string>> {
  const asksForFunctions = /\bfunctions\b/.test(source) && !/\btools\b/.test(source);
  return {
    ...(source.includes("date_string") ? { date_string: strftime(date, "%d %b %Y") } : {}),
    ...(/\bdatetime\b/.test(source) ? { datetime: strftime(date, "%Y-%m-%d %H:%M:%S") } : {}),
    ...(asksForFunctions ? { functions: JSON.stringify(tools ?? [], null, 2) } : {}),
  };
}
