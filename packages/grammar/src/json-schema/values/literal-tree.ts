// Builds the choice among many fixed texts. In a flat list the matcher would follow each text as a separate alternative; a tree shares their
// prefixes.
import { choice, empty, literal, sequence, type Expression } from "../../rules/expression.ts";

/** Up to this number of texts, a flat list is used, because a short list is more readable and costs little. */
const flatTexts = 16;
/** Below this depth, the remaining texts are a flat list, since matchers recurse into each branch. */
const deepestParting = 32;

/** Matches any of the texts. A long list of texts becomes a tree that branches where the texts differ. */
export function literalChoice(texts: readonly string[]): Expression {
  if (texts.length <= flatTexts) return choice(...texts.map(literal));
  return tree(
    texts.map((text) => Array.from(text)),
    0,
  );
}

/** Each text is given as a list of characters, so that no branch splits a surrogate pair. */
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
