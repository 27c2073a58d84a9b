// Owns the parts of a block that did not change while it grew: they stay the same objects, so that they are not drawn again.
import type { Token, Tokens } from "marked";

/** The block, with the list items and table rows that it shares with the block as it was before. */
export function withKnownParts(token: Token, before: Token | undefined): Token {
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
