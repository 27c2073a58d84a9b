// Owns parsing a growing text incrementally: final blocks keep their tokens, and only the last blocks are parsed anew. The result always
// equals the result of parsing the whole text.
import type { Links, Token, Tokens } from "marked";
import { readBlocks, withLineFeeds } from "./lexer.ts";

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

/**
 * Returns a function that parses a text. A text that extends the previous one is parsed incrementally; any other text is parsed anew. A block is the
 * same object until it changes.
 */
export function createIncrementalMarkdown(): (text: string) => readonly Token[] {
  let state = empty;

  function parse(source: string, before: State): readonly Token[] {
    const rest = source.slice(before.finalChars);
    const tokens = readBlocks(rest, before.finalLinks);
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
      finalLinks: src.includes("]:") ? readBlocks(src, before.finalLinks).links : before.finalLinks,
      links,
      last: shown.slice(count),
    };
    return [...before.final, ...shown.filter(isShown)];
  }

  return (text) => {
    const source = withLineFeeds(text);
    return parse(source, source.startsWith(state.source) ? state : empty);
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

/** The block, with the list items and table rows that it shares with the block as it was before. */
function withKnownParts(token: Token, before: Token | undefined): Token {
  if (before?.type !== token.type) return token;
  if (before.raw === token.raw) return before;
  if (token.type === "list") {
    const [list, known] = [token as Tokens.List, before as Tokens.List];
    return { ...list, items: keep(list.items, known.items, ({ loose, raw }) => `${loose} ${raw}`) };
  }
  if (token.type === "table") {
    const [table, known] = [token as Tokens.Table, before as Tokens.Table];
    const contentOf = (row: readonly Tokens.TableCell[]): string =>
      JSON.stringify(row.map(({ align, text }) => [align, text]));
    return { ...table, rows: keep(table.rows, known.rows, contentOf) };
  }
  return token;
}

function keep<T>(parts: readonly T[], known: readonly T[], contentOf: (part: T) => string): T[] {
  return parts.map((part, i) => {
    const before = known[i];
    return before !== undefined && contentOf(before) === contentOf(part) ? before : part;
  });
}
