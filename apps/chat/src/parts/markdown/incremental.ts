// Owns how a text that grows is read without reading all of it again: blocks that nothing can change any more keep their tokens, and only
// the last ones are read anew. What comes out is what the whole text gives, at every moment.
import type { Links, Token } from "marked";
import { goesOn, joined, longBlockAt, settleItems } from "./growing-block.ts";
import type { OpenBlock } from "./growing-block.ts";
import { readBlocks } from "./lexer.ts";
import { labelsThatDiffer, refersTo } from "./link-definitions.ts";

export interface Block {
  /** Its place among the blocks. */
  readonly key: number;
  /** The same object as long as nothing in it has changed. */
  readonly token: Token;
}

export interface IncrementalMarkdown {
  /** The blocks of this text, which usually is the last one with more at its end; any other text is read anew. */
  update(text: string): readonly Block[];
  /** Characters that the last update has read. */
  readonly charsRead: number;
}

/** Blocks that are settled, as they were read together. */
interface Segment {
  readonly src: string;
  tokens: readonly Token[];
}

/** What has come of a text. */
interface State {
  text: string;
  /** The text with its lines' ends made one kind. */
  source: string;
  readonly segments: Segment[];
  settledLinks: Links;
  /** With those of the tail. */
  knownLinks: Links;
  /** Where in the source what is not settled begins; within `open` where that is there. */
  tailStart: number;
  open: OpenBlock | undefined;
}

export function createIncrementalMarkdown(): IncrementalMarkdown {
  let state = empty();
  let charsRead = 0;

  function read(src: string, known: Links): ReturnType<typeof readBlocks> {
    charsRead += src.length;
    return readBlocks(src, known);
  }

  function readTail(): Token[] {
    const { open } = state;
    const reading = read((open?.prefix ?? "") + state.source.slice(state.tailStart), state.settledLinks);
    const [first, ...others] = reading.tokens;
    if (open !== undefined && !goesOn(open, first)) return reopen(open);
    const changed = labelsThatDiffer(state.knownLinks, reading.links);
    state.knownLinks = { ...reading.links };
    reading.finish(reading.links);
    if (changed.length > 0) {
      relink(changed);
      if (open !== undefined && refersTo(open.src, changed)) return reopen(open);
    }
    return open !== undefined && goesOn(open, first) ? [joined(open, first), ...others] : [...reading.tokens];
  }

  /** Reads the long block from its beginning. */
  function reopen({ src }: OpenBlock): Token[] {
    state.tailStart -= src.length;
    state.open = undefined;
    return readTail();
  }

  /** Reads settled blocks again that may name one of these labels. */
  function relink(labels: readonly string[]): void {
    for (const segment of state.segments) {
      if (!refersTo(segment.src, labels)) continue;
      const reading = read(segment.src, {});
      reading.finish(state.knownLinks);
      segment.tokens = reading.tokens.filter(isShown);
    }
  }

  function settle(tokens: Token[]): void {
    const count = settledCount(tokens, (state.open?.src ?? "") + state.source.slice(state.tailStart));
    if (count === undefined) return;
    if (count > 0) {
      const done = tokens.splice(0, count);
      const src = rawOf(done);
      state.segments.push({ src, tokens: done.filter(isShown) });
      learn(src);
      state.tailStart += src.length - (state.open?.src.length ?? 0);
      state.open = undefined;
    }
    const [first] = tokens;
    if (first === undefined || longBlockAt(tokens) !== 0) return;
    const open = settleItems(first, state.open);
    if (open === undefined) return;
    const grown = open.src.slice(state.open?.src.length ?? 0);
    learn(open.prefix + grown);
    state.tailStart += grown.length;
    state.open = open;
  }

  /** Of two definitions of a label the first counts. */
  function learn(src: string): void {
    if (src.includes("]:")) state.settledLinks = { ...read(src, state.settledLinks).links };
  }

  return {
    get charsRead() {
      return charsRead;
    },
    update(text) {
      charsRead = 0;
      if (!text.startsWith(state.text)) state = empty();
      append(state, text);
      const tokens = readTail();
      const shown = [...state.segments.flatMap((segment) => segment.tokens), ...tokens.filter(isShown)];
      settle(tokens);
      return shown.map((token, key) => ({ key, token }));
    },
  };
}

function empty(): State {
  return {
    text: "",
    source: "",
    segments: [],
    settledLinks: {},
    knownLinks: {},
    tailStart: 0,
    open: undefined,
  };
}

function append(state: State, text: string): void {
  const added = text.slice(state.text.length);
  // A carriage return that ended the last piece is a line's end already.
  const rest = state.text.endsWith("\r") && added.startsWith("\n") ? added.slice(1) : added;
  state.source += rest.replace(/\r\n|\r/g, "\n");
  state.text = text;
}

/**
 * How many of these tokens nothing that follows can change; undefined where that cannot be told. The line that comes last may belong to the
 * last block or to the one before it. What stands before an empty line before those two is settled, and so is what a long block follows,
 * unless it holds what may be the beginning of something longer.
 */
function settledCount(tokens: readonly Token[], src: string): number | undefined {
  if (rawOf(tokens) !== src) return undefined;
  const long = longBlockAt(tokens);
  if (long !== undefined) {
    const run =
      rawOf(tokens.slice(0, long))
        .split(/\n[ \t]*\n/)
        .at(-1) ?? "";
    if (!/[[<]|\$\$/.test(run)) return long;
  }
  const shown = [...tokens.keys()].filter((i) => tokens[i]?.type !== "space");
  for (let count = shown.at(-2) ?? 0; count > 0; count--) {
    const previous = tokens[count - 1]?.type;
    if (tokens[count]?.type === "space" || previous === "paragraph" || previous === "text") continue;
    if (/\n[ \t]*\n$/.test(rawOf(tokens.slice(0, count)))) return count;
  }
  return 0;
}

function rawOf(tokens: readonly Token[]): string {
  return tokens.map(({ raw }) => raw).join("");
}

function isShown({ type }: Token): boolean {
  return type !== "space" && type !== "def";
}
