// Owns the texts for queue positions and thinking times.
const ordinals = new Intl.PluralRules("en", { type: "ordinal" });
const suffixes: Readonly<Record<Intl.LDMLPluralRule, string>> = {
  zero: "th",
  one: "st",
  two: "nd",
  few: "rd",
  many: "th",
  other: "th",
};

/** For example "next in line", or "3rd in line, about 4 s". */
export function describeLine(position: number, etaMs?: number): string {
  const place = position === 1 ? "next in line" : `${position}${suffixes[ordinals.select(position)]} in line`;
  return etaMs === undefined ? place : `${place}, about ${Math.ceil(etaMs / 1_000)} s`;
}

/**
 * For example "Thought for 12 s", or "Thinking… 4 s".
 * @param ms undefined for an answer without a measured time
 */
export function thoughtWords(ms: number | undefined, thinking: boolean): string {
  if (ms === undefined) return thinking ? "Thinking…" : "Thoughts";
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  const time = minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
  if (thinking) return `Thinking… ${time}`;
  return seconds === 0 ? "Thought for less than a second" : `Thought for ${time}`;
}
