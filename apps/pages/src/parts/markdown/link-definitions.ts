// Owns finding the blocks that use a link definition. A definition counts for the whole text, even for earlier blocks.
import type { Links } from "marked";

/** Labels that only one of `before` and `after` defines, or that both define differently. */
export function labelsThatDiffer(before: Links, after: Links): readonly string[] {
  const labels = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...labels].filter((label) => !sameLink(linkOf(before, label), linkOf(after, label)));
}

function linkOf(links: Links, label: string): Links[string] | undefined {
  return Object.hasOwn(links, label) ? links[label] : undefined;
}

function sameLink(a: Links[string] | undefined, b: Links[string] | undefined): boolean {
  return a?.href === b?.href && a?.title === b?.title && (a === undefined) === (b === undefined);
}

/** Whether this text may use one of these labels. Returns true if a simple comparison cannot exclude this. */
export function refersTo(src: string, labels: readonly string[]): boolean {
  if (!src.includes("[")) return false;
  const folded = fold(src);
  return labels.some((label) => /\s/.test(label) || folded.includes(`[${fold(label)}]`));
}

function fold(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\[ /g, "[").replace(/ \]/g, "]").toLowerCase().toUpperCase();
}
