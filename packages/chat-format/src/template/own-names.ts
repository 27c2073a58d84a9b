// Owns the values that some templates ask for under names that transformers does not pass: without them these templates give an old
// date, or refuse everything.
import { strftime } from "./builtins/strftime.ts";

export interface OwnNames {
  readonly date_string?: string;
  readonly datetime?: string;
  readonly functions?: string;
}

/**
 * - `date_string`: Llama 3.x, "21 Nov 2026"; 3.1 and 3.3 say 26 July 2024 without it
 * - `datetime`: FireFunction v2, "2026-11-21 14:05:00"
 * - `functions`: FireFunction v2, the tools as indented JSON instead of `tools`
 *
 * Every other template asks `strftime_now`, or mentions no date.
 */
export function ownNames(source: string, tools: readonly unknown[] | null, date: Date): OwnNames {
  const asksForFunctions = /\bfunctions\b/.test(source) && !/\btools\b/.test(source);
  return {
    ...(source.includes("date_string") ? { date_string: strftime(date, "%d %b %Y") } : {}),
    ...(/\bdatetime\b/.test(source) ? { datetime: strftime(date, "%Y-%m-%d %H:%M:%S") } : {}),
    ...(asksForFunctions ? { functions: JSON.stringify(tools ?? [], null, 2) } : {}),
  };
}
