// Owns the report about a corpus of schemas: counts, refusals by keyword, times.
import type { SchemaVerdict } from "./judge-schema.ts";

export type NamedVerdict = SchemaVerdict & { readonly file: string };

/**
 * @param compileTimesMs compile times of all schemas, in any order
 * @param isListed whether the report names each schema that is not exact
 */
export function reportOf(
  verdicts: readonly NamedVerdict[],
  compileTimesMs: readonly number[],
  isListed: boolean,
): string {
  const compiled = verdicts.filter(({ refused }) => refused === undefined);
  const count = (of: keyof Pick<SchemaVerdict, "wrongAccepts" | "wrongRejects" | "undecided">): number =>
    compiled.filter((verdict) => verdict[of] > 0).length;
  const times = compileTimesMs.toSorted((a, b) => a - b);
  const rows: readonly (readonly [string, string])[] = [
    ["schemas", String(verdicts.length)],
    ["compiled", String(compiled.length)],
    ["exact", String(compiled.filter(isExact).length)],
    ["accept invalid instances", String(count("wrongAccepts"))],
    ["reject valid instances", String(count("wrongRejects"))],
    ["undecided", String(count("undecided"))],
    ["compile p50 / p99 / max", [0.5, 0.99, 1].map((part) => `${quantile(times, part).toFixed(1)} ms`).join(" / ")],
    ...byKeyword(verdicts),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const listed = isListed ? verdicts.filter((verdict) => !isExact(verdict)).map(lineOf) : [];
  return [...rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`), ...listed, ""].join("\n");
}

function isExact({ refused, wrongAccepts, wrongRejects, undecided }: SchemaVerdict): boolean {
  return refused === undefined && wrongAccepts + wrongRejects + undecided === 0;
}

function byKeyword(verdicts: readonly SchemaVerdict[]): readonly (readonly [string, string])[] {
  const counts = new Map<string, number>();
  for (const { refused } of verdicts) {
    if (refused !== undefined) counts.set(refused.keyword, (counts.get(refused.keyword) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted((a, b) => b[1] - a[1]);
  return sorted.map(([keyword, number]) => [`refused: ${keyword}`, String(number)]);
}

function lineOf({ file, refused, wrongAccepts, wrongRejects, undecided }: NamedVerdict): string {
  if (refused !== undefined) return `${file}: ${refused.message}`;
  return `${file}: ${wrongAccepts} wrong accepts, ${wrongRejects} wrong rejects, ${undecided} undecided`;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
