// Owns the choice among many fixed texts. Written flat, each of them would be a way of its own that the reader of the grammar follows.
import { choice, empty, literal, sequence, type Expression } from "./expression.ts";

/** Up to here a flat list reads better, and costs little. */
const flatTexts = 16;
/** Where texts are parted this often, the rest is flat: a reader recurses into each parting. */
const deepestParting = 32;

/** Any of the texts. Many of them become a tree, parted where they differ. */
export function literalChoice(texts: readonly string[]): Expression {
  if (texts.length <= flatTexts) return choice(...texts.map(literal));
  return tree(
    texts.map((text) => Array.from(text)),
    0,
  );
}

/** Of texts as lists of characters, so that none is parted within a surrogate pair. */
function tree(texts: readonly (readonly string[])[], depth: number): Expression {
  if (texts.length === 1 || depth === deepestParting) return choice(...texts.map((chars) => literal(chars.join(""))));
  const branches = new Map<string | undefined, (readonly string[])[]>();
  for (const chars of texts) {
    const members = branches.get(chars[0]);
    if (members === undefined) branches.set(chars[0], [chars]);
    else members.push(chars);
  }
  return choice(
    ...[...branches].map(([first, members]) => {
      if (first === undefined) return empty;
      const length = commonLength(members);
      const rests = members.map((chars) => chars.slice(length));
      return sequence(literal((members[0] ?? []).slice(0, length).join("")), tree(rests, depth + 1));
    }),
  );
}

function commonLength(texts: readonly (readonly string[])[]): number {
  const [first = [], ...others] = texts;
  const differing = first.findIndex((char, index) => others.some((chars) => chars[index] !== char));
  return differing === -1 ? first.length : differing;
}
