// Owns how positions and figures of an answer are put into words.

const ordinals = new Intl.PluralRules("en", { type: "ordinal" });
const suffixes: Readonly<Record<Intl.LDMLPluralRule, string>> = {
  zero: "th",
  one: "st",
  two: "nd",
  few: "rd",
  many: "th",
  other: "th",
};

/** "next in line", "3rd in line, about 4 s". */
export function describeLine(position: number, etaMs?: number): string {
  const place = position === 1 ? "next in line" : `${position}${suffixes[ordinals.select(position)]} in line`;
  return etaMs === undefined ? place : `${place}, about ${Math.ceil(etaMs / 1_000)} s`;
}

/** Three digits at most, and never a second one behind the point. */
export function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString("en");
}

export function milliseconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
