// Owns parsing a growing text incrementally: final blocks keep their tokens, and only the last blocks are parsed anew. The result always
// equals the result of parsing the whole text.
import type { Links, Token } from "marked";
import { readBlocks, withLineFeeds } from "./lexer.ts";
import { withKnownParts } from "./known-parts.ts";

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

interface State {
  readonly source: string;
  readonly final: readonly Token[];
  /** Number of characters of the final blocks. */
  readonly finalChars: number;
  /** Link definitions in the final blocks. */
  readonly finalLinks: Links;
  /** Link definitions in the whole text. */
  readonly links: Links;
  /** The blocks that are not final. */
  readonly last: readonly Token[];
}

const empty: State = { source: "", final: [], finalChars: 0, finalLinks: {}, links: {}, last: [] };

export function createIncrementalMarkdown(): IncrementalMarkdown {
  let state = empty;
  let charsRead = 0;

  function read(src: string, known: Links): ReturnType<typeof readBlocks> {
    charsRead += src.length;
    return readBlocks(src, known);
  }

  function parse(source: string, before: State): readonly Token[] {
    const rest = source.slice(before.finalChars);
    const tokens = read(rest, before.finalLinks);
    const { links } = tokens;
    const sameLinks = JSON.stringify(links) === JSON.stringify(before.links);
    // A definition counts for the whole text, even for earlier blocks.
    if (!sameLinks && before.final.length > 0) return parse(source, empty);
    const shown = tokens.map((token, i) => (sameLinks ? withKnownParts(token, before.last[i]) : token));
    const count = settledCount(shown, rest);
    const settled = shown.slice(0, count);
    const src = rawOf(settled);
    state = {
      source,
      final: [...before.final, ...settled.filter(isShown)],
      finalChars: before.finalChars + src.length,
      // The first definition of a label counts.
      finalLinks: src.includes("]:") ? read(src, before.finalLinks).links : before.finalLinks,
      links,
      last: shown.slice(count),
    };
    return [...before.final, ...shown.filter(isShown)];
  }

  return {
    get charsRead() {
      return charsRead;
    },
    update(text) {
      charsRead = 0;
      const source = withLineFeeds(text);
      const tokens = parse(source, source.startsWith(state.source) ? state : empty);
      return tokens.map((token, key) => ({ key, token }));
    },
  };
}

/**
 * How many of these tokens are final, whatever text follows. The next line may belong to the last block or to the block before it. Blocks that an
 * empty line separates from those two are final.
 */
function settledCount(tokens: readonly Token[], src: string): number {
  if (rawOf(tokens) !== src) return 0;
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
