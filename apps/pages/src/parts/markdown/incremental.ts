// Owns parsing a growing text incrementally: final blocks keep their tokens, and only the last blocks are parsed anew. The result always
// equals the result of parsing the whole text.
import type { Links, Token } from "marked";
import { goesOn, joined, longBlockAt, settleItems, type OpenBlock } from "./growing-block.ts";
import { readBlocks } from "./lexer.ts";
import { labelsThatDiffer, refersTo } from "./link-definitions.ts";

export interface Block {
  readonly key: number;
  /** The same object until the block changes. */
  readonly token: Token;
}

export interface IncrementalMarkdown {
  /** The blocks of this text. A text that extends the previous text is parsed incrementally; any other text is parsed anew. */
  update(text: string): readonly Block[];
  /** Number of characters that the last update parsed. */
  readonly charsRead: number;
}

/** Final blocks that were parsed together. */
interface Segment {
  readonly src: string;
  tokens: readonly Token[];
}

interface State {
  text: string;
  /** The text, with line feeds as its only line ends. */
  source: string;
  readonly segments: Segment[];
  settledLinks: Links;
  /** Link definitions of the whole text, including the tail. */
  knownLinks: Links;
  /** Index in the source at which the tail begins: the part that is not final. The tail may begin within `open`. */
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

  /** Parses the long block again from its beginning. */
  function reopen({ src }: OpenBlock): Token[] {
    state.tailStart -= src.length;
    state.open = undefined;
    return readTail();
  }

  /** Parses again all final blocks that may use one of these labels. */
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

  /** Adds the link definitions of a final source. The first definition of a label counts. */
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
  // A carriage return at the end of the last piece already became a line feed.
  const rest = state.text.endsWith("\r") && added.startsWith("\n") ? added.slice(1) : added;
  state.source += rest.replace(/\r\n|\r/g, "\n");
  state.text = text;
}

/**
 * How many of these tokens are final, whatever text follows; undefined if that is unknown. The next line may belong to the last block or to the
 * block before it. Blocks that an empty line separates from those two are final. Blocks before a long block are final too, unless they may be
 * the beginning of a longer construct.
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
