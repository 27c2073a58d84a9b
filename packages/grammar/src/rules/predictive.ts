// Checks whether a language can be read from left to right with one character of lookahead.
import { intersectSets, noChar, uniteSets, type CharSet } from "./char-set.ts";
import { concatenatedParts, type Language } from "./languages.ts";

/** This many compared character ranges count as one step of `GrammarLimits.steps`. */
const rangesPerStep = 8;

/** Whether the next character always decides how to continue, so that the language needs no automaton. */
export function isPredictive(language: Language, spend: (steps: number) => void): boolean {
  const starts = new Map<Language, CharSet>();

  function startsOf(part: Language): CharSet {
    const set = starts.get(part) ?? findStarts(part);
    starts.set(part, set);
    return set;
  }

  function findStarts(part: Language): CharSet {
    switch (part.kind) {
      case "set":
        return part.set;
      case "concat":
        return concatenatedParts(part).reduceRight((follow, item) => withFollow(item, follow), noChar);
      case "union":
        return uniteSets(...part.options.map(startsOf));
      case "repeat":
        return startsOf(part.item);
      case "none":
      case "empty":
      case "intersection":
      case "complement":
        return noChar;
    }
  }

  function withFollow(part: Language, follow: CharSet): CharSet {
    spend((startsOf(part).length + follow.length) / rangesPerStep);
    return part.nullable ? uniteSets(startsOf(part), follow) : startsOf(part);
  }

  /** @param follow the possible first characters after the part */
  function check(part: Language, follow: CharSet): boolean {
    switch (part.kind) {
      case "none":
      case "empty":
      case "set":
        return true;
      case "concat":
        return checkRow(concatenatedParts(part), follow);
      case "union": {
        const starting = part.options.map((option) =>
          option.nullable ? withFollow(option, follow) : startsOf(option),
        );
        return areDisjoint(starting, spend) && part.options.every((option) => check(option, follow));
      }
      case "repeat": {
        const { item, min, max } = part;
        if (item.nullable || (min !== max && !areDisjoint([startsOf(item), follow], spend))) return false;
        return check(item, max === 1 ? follow : uniteSets(startsOf(item), follow));
      }
      case "intersection":
      case "complement":
        return false;
    }
  }

  function checkRow(parts: readonly Language[], follow: CharSet): boolean {
    let after = follow;
    for (const part of parts.toReversed()) {
      if (!check(part, after)) return false;
      after = withFollow(part, after);
    }
    return true;
  }

  return check(language, noChar);
}

function areDisjoint(sets: readonly CharSet[], spend: (steps: number) => void): boolean {
  let seen: CharSet = noChar;
  for (const set of sets) {
    spend((seen.length + set.length) / rangesPerStep);
    if (intersectSets(seen, set).length > 0) return false;
    seen = uniteSets(seen, set);
  }
  return true;
}
