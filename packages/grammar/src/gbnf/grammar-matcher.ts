// Matches a text against a grammar, byte by byte as a model writes it. The matcher follows all readings of the text at once and merges equal
// readings. It counts every step, so that a grammar with ever more readings runs out of steps instead of blocking the caller. Decision 045.
import { hasChar } from "../rules/char-set.ts";
import { overlaps } from "./char-ranges.ts";
import type { CharsElement, Element, Grammar, RepeatElement } from "./gbnf.ts";

/** The rest of one reading: the next item, then the items below this item on the stack. */
interface Stack {
  readonly item: Element | undefined;
  readonly below: Stack | undefined;
  /** The stacks directly above this stack, by their item, so that equal readings share one object. */
  pushed: Map<Element, Stack> | undefined;
  readonly id: number;
  /** Cached state after the stack's first character. */
  after: MatcherState | undefined;
}

/** A reading that waits for a character. */
type Leaf = Stack & { readonly item: CharsElement };

/** All ways to continue after a whole character. Equal texts lead to the same state object, so results are cached in it. */
export interface MatcherState {
  readonly leaves: readonly Leaf[];
  /** The text may end here. */
  readonly complete: boolean;
  /** Cached next states, by character. */
  readonly steps: Map<number, MatcherState | undefined>;
  /** Caches whether an incomplete character can still fit, by the character's known bits and number of missing bytes. */
  readonly beginnings: Map<number, boolean>;
}

/** A position between two bytes of a text. */
export interface MatcherPosition {
  readonly state: MatcherState;
  /** The bits of an incomplete character that are known so far. */
  readonly value: number;
  /** Number of missing bytes of the incomplete character; 0 between characters. */
  readonly missing: number;
}

/** The grammar is too ambiguous to be checked. The message lacks its subject, the grammar. */
export class AmbiguityError extends Error {}

export interface Matcher {
  start(): MatcherPosition;
  /** The position after the byte; undefined if no text of the grammar continues with it. @throws AmbiguityError */
  advance(position: MatcherPosition, byte: number): MatcherPosition | undefined;
  /** The position after a character, which may be a mark: a character that replaces a token, and that no bytes can spell. @throws AmbiguityError */
  advanceChar(position: MatcherPosition, char: number): MatcherPosition | undefined;
  /** Number of steps that the matcher may still take; the caller sets it. */
  budget: number;
  /** Number of remembered objects, which grows with the text. */
  readonly size: number;
  /** Forgets all objects that this position does not need. Returns the same position; all other positions become invalid. */
  forget(position: MatcherPosition): MatcherPosition;
}

/** Limit for the ways to continue in one state. A choice among this many strings has this many ways. */
const maxLeaves = 8_192;
/** States with more readings than this are not shared, since building their key would cost more than sharing saves. */
const maxKeyedLeaves = 64;

/** The range of marks, the characters that replace tokens in grammars of chat answers: Unicode noncharacters, which no text contains. */
const marks = { first: 0xfdd0, last: 0xfdef } as const;

/**
 * @param grammar without left recursion
 * @param hasMarks whether U+FDD0 to U+FDEF mean tokens in the grammar, so that no bytes can spell them
 */
export function createMatcher({ root }: Grammar, hasMarks = false): Matcher {
  let bottom = emptyStack();
  let size = 0;
  let budget = 0;
  const states = new Map<string, MatcherState>();
  /** Started repetitions, by the element in the grammar and the number of completed repetitions, so that equal repetitions share one object. */
  const counted = new Map<RepeatElement, Map<number, RepeatElement>>();

  function spend(steps: number): void {
    budget -= steps;
    if (budget < 0) throw new AmbiguityError("is too ambiguous: checking one token takes too many steps");
  }

  function push(item: Element, below: Stack): Stack {
    const pushed = (below.pushed ??= new Map<Element, Stack>());
    let stack = pushed.get(item);
    if (stack === undefined) {
      size += 1;
      pushed.set(item, (stack = { item, below, pushed: undefined, id: size, after: undefined }));
    }
    return stack;
  }

  /** The element after one more repetition. Without a maximum, repetitions past the minimum are not counted. */
  function another(element: RepeatElement): RepeatElement {
    if (element.max === Infinity && element.done >= element.min) return element;
    const first = element.first ?? element;
    const done = element.done + 1;
    return counted.get(first)?.get(done) ?? remember({ ...element, first, done }, first);
  }

  function remember(element: RepeatElement, first: RepeatElement): RepeatElement {
    let known = counted.get(first);
    if (known === undefined) counted.set(first, (known = new Map<number, RepeatElement>()));
    if (!known.has(element.done)) size += 1;
    known.set(element.done, element);
    return element;
  }

  /** Expands the stacks until each of them waits for a character. */
  function close(from: Iterable<Stack>): MatcherState {
    const todo = [...from];
    const seen = new Set<Stack>();
    const leaves: Leaf[] = [];
    let complete = false;
    for (let stack = todo.pop(); stack !== undefined; stack = todo.pop()) {
      if (seen.has(stack)) continue;
      seen.add(stack);
      spend(1);
      const { item, below = bottom } = stack;
      if (item === undefined) {
        complete = true;
        continue;
      }
      if (item.kind === "chars") {
        leaves.push(stack as Leaf);
        if (leaves.length > maxLeaves) throw new AmbiguityError("has too many ways to continue at once");
        continue;
      }
      const rest = item.next === undefined ? below : push(item.next, below);
      if (item.kind === "repeat") {
        if (item.done >= item.min) todo.push(rest);
        if (item.done >= item.max) continue;
        pushOptions(item.rule.options, push(another(item), below), todo);
      } else pushOptions(item.rule.options, rest, todo);
    }
    return stateOf(leaves, complete);
  }

  function pushOptions(options: readonly (Element | undefined)[], rest: Stack, todo: Stack[]): void {
    spend(options.length);
    for (const option of options) todo.push(option === undefined ? rest : push(option, rest));
  }

  function stateOf(leaves: readonly Leaf[], complete: boolean): MatcherState {
    if (leaves.length > maxKeyedLeaves) return newState(leaves, complete);
    const key = `${complete ? "end " : ""}${leaves
      .map(({ id }) => id)
      .toSorted((a, b) => a - b)
      .join(" ")}`;
    let state = states.get(key);
    if (state === undefined) states.set(key, (state = newState(leaves, complete)));
    return state;
  }

  function newState(leaves: readonly Leaf[], complete: boolean): MatcherState {
    size += 1 + leaves.length;
    return { leaves, complete, steps: new Map(), beginnings: new Map() };
  }

  function afterLeaf(leaf: Leaf): MatcherState {
    const { item, below = bottom } = leaf;
    return (leaf.after ??= close([item.next === undefined ? below : push(item.next, below)]));
  }

  function step(state: MatcherState, char: number): MatcherState | undefined {
    if (state.steps.has(char)) return state.steps.get(char);
    spend(1 + state.leaves.length);
    const next = union(state.leaves.filter(({ item }) => hasChar(item.ranges, char)).map(afterLeaf));
    size += 1;
    state.steps.set(char, next);
    return next;
  }

  function union(reached: readonly MatcherState[]): MatcherState | undefined {
    const [first] = reached;
    if (reached.length < 2) return first;
    const leaves = new Set<Leaf>();
    for (const state of reached) {
      spend(state.leaves.length);
      for (const leaf of state.leaves) leaves.add(leaf);
      if (leaves.size > maxLeaves) throw new AmbiguityError("has too many ways to continue at once");
    }
    return stateOf(
      [...leaves],
      reached.some(({ complete }) => complete),
    );
  }

  /** Copies a stack without recursion, since a stack may be as deep as the text is long. */
  function copy(stack: Stack, copies: Map<Stack, Stack>): Stack {
    const path: { from: Stack; item: Element }[] = [];
    let lower: Stack | undefined = stack;
    for (; lower?.item !== undefined && !copies.has(lower); lower = lower.below)
      path.push({ from: lower, item: lower.item });
    let copied = (lower === undefined ? undefined : copies.get(lower)) ?? bottom;
    for (const { from, item } of path.toReversed()) {
      if (item.kind === "repeat" && item.first !== undefined) remember(item, item.first);
      copies.set(from, (copied = push(item, copied)));
    }
    return copied;
  }

  /** Whether any character from `first` to `last` fits, except for marks, which bytes cannot spell. */
  function spells({ ranges }: CharsElement, first: number, last: number): boolean {
    if (!hasMarks) return overlaps(ranges, first, last);
    const below = Math.min(last, marks.first - 1);
    const above = Math.max(first, marks.last + 1);
    return (first <= below && overlaps(ranges, first, below)) || (above <= last && overlaps(ranges, above, last));
  }

  /** Returns the position after the first bytes of a character, if a character that begins with these bytes fits. */
  function begun(state: MatcherState, value: number, missing: number, least: number): MatcherPosition | undefined {
    // The key is unambiguous: characters of two, three and four bytes never have the same bits with the same number of missing bytes.
    const key = value * 4 + missing;
    let fits = state.beginnings.get(key);
    if (fits === undefined) {
      const first = Math.max(least, value << (6 * missing));
      const last = (value << (6 * missing)) | ((1 << (6 * missing)) - 1);
      spend(1 + state.leaves.length);
      fits = state.leaves.some(({ item }) => spells(item, first, last));
      size += 1;
      state.beginnings.set(key, fits);
    }
    return fits ? { state, value, missing } : undefined;
  }

  return {
    start: () => ({
      state: close([push({ kind: "rule", rule: root, next: undefined }, bottom)]),
      value: 0,
      missing: 0,
    }),
    advance({ state, value, missing }, byte) {
      if (missing > 0) {
        if ((byte & 0xc0) !== 0x80) return undefined;
        const more = (value << 6) | (byte & 0x3f);
        // Refuse overlong encodings: after a first byte without set bits, a small second byte would encode a shorter character.
        if (value === 0 && byte < (missing === 2 ? 0xa0 : 0x90)) return undefined;
        if (missing > 1) return begun(state, more, missing - 1, 0);
        if (hasMarks && more >= marks.first && more <= marks.last) return undefined;
        return whole(step(state, more));
      }
      if (byte < 0x80) return whole(step(state, byte));
      // First bytes of characters of two, three and four bytes. The last argument is the lowest character that needs this many bytes.
      if (byte >= 0xc2 && byte < 0xe0) return begun(state, byte & 0x1f, 1, 0x80);
      if (byte >= 0xe0 && byte < 0xf0) return begun(state, byte & 0x0f, 2, 0x800);
      if (byte >= 0xf0 && byte < 0xf5) return begun(state, byte & 0x07, 3, 0x1_0000);
      return undefined;
    },
    advanceChar: ({ state, missing }, char) => (missing > 0 ? undefined : whole(step(state, char))),
    get budget() {
      return budget;
    },
    set budget(steps) {
      budget = steps;
    },
    get size() {
      return size;
    },
    forget({ state, value, missing }) {
      bottom = emptyStack();
      size = 0;
      states.clear();
      counted.clear();
      const copies = new Map<Stack, Stack>();
      const leaves = state.leaves.map((leaf) => copy(leaf, copies) as Leaf);
      return { state: stateOf(leaves, state.complete), value, missing };
    },
  };
}

function whole(state: MatcherState | undefined): MatcherPosition | undefined {
  return state === undefined ? undefined : { state, value: 0, missing: 0 };
}

function emptyStack(): Stack {
  return { item: undefined, below: undefined, pushed: undefined, id: 0, after: undefined };
}
