// Owns the parts of a block that did not change while it grew: they stay the same objects, so that they are not drawn again.
import type { Token, Tokens } from "marked";

type Row = readonly Tokens.TableCell[];

/** The block, with the list items and table rows that it shares with the block as it was before. */
export function withKnownParts(token: Token, before: Token | undefined): Token {
  if (before?.type !== token.type) return token;
  if (before.raw === token.raw) return before;
  if (token.type === "list") return withKnownItems(token as Tokens.List, before as Tokens.List);
  return token.type === "table" ? withKnownRows(token as Tokens.Table, before as Tokens.Table) : token;
}

function withKnownItems(list: Tokens.List, before: Tokens.List): Token {
  if (list.loose !== before.loose) return list;
  const known = (item: Tokens.ListItem, i: number): Tokens.ListItem => {
    const other = before.items[i];
    return other?.raw === item.raw ? other : item;
  };
  return { ...list, items: list.items.map(known) };
}

function withKnownRows(table: Tokens.Table, before: Tokens.Table): Token {
  if (String(table.align) !== String(before.align)) return table;
  const known = (row: Tokens.TableCell[], i: number): Tokens.TableCell[] => {
    const other = before.rows[i];
    return other !== undefined && isSame(row, other) ? other : row;
  };
  return { ...table, rows: table.rows.map(known) };
}

function isSame(row: Row, other: Row): boolean {
  return row.every(({ text }, i) => text === other[i]?.text);
}
