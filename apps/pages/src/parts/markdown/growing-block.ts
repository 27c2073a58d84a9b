// Owns a long list or table that grows: its first items keep their tokens, and only the rest is parsed. If that would differ from parsing the
// whole block, `goesOn` returns false, and the block is parsed anew.
import type { Token, Tokens } from "marked";

type Long = Tokens.List | Tokens.Table;
type Item = Tokens.ListItem | Tokens.TableCell[];

/** Number of items at the end that may still change: the last item grows, and may turn out to belong to the item before it. */
const keptOpen = 2;
/** Number of items from which keeping tokens pays off. */
const longFrom = 12;

export interface OpenBlock {
  /** Source of the final items. */
  readonly src: string;
  /** Text that is put before the open items, so that the parser reads the items as part of the same list or table. */
  readonly prefix: string;
  /** Number of items in the prefix. */
  readonly prefixItems: number;
  /** The block with only the final items. */
  readonly block: Long;
}

/** The index of a long block among these tokens; only the last two blocks can grow. */
export function longBlockAt(tokens: readonly Token[]): number | undefined {
  const shown = [...tokens.keys()].filter((i) => tokens[i]?.type !== "space");
  return shown.slice(-2).findLast((i) => isLong(tokens[i]));
}

function isLong(token: Token | undefined): token is Long {
  return (token?.type === "list" || token?.type === "table") && itemsOf(token as Long).length >= longFrom;
}

/** The block without its last `keptOpen` items. @param open the block with the items that were final before */
export function settleItems(token: Token, open: OpenBlock | undefined): OpenBlock | undefined {
  if (!isLong(token)) return undefined;
  const items = itemsOf(token).slice(0, -keptOpen);
  const known = open === undefined ? 0 : itemsOf(open.block).length;
  // A line that looked like an item may have become part of the previous item.
  if (items.length <= known) return open;
  if (token.type === "table") {
    const lines = token.raw.split("\n");
    const header = `${lines.slice(0, 2).join("\n")}\n`;
    const src = `${lines.slice(0, 2 + items.length).join("\n")}\n`;
    return { src, prefix: header, prefixItems: 0, block: withItems(token, items) };
  }
  const added = (items as Tokens.ListItem[]).slice(known).map(({ raw }) => raw);
  const src = (open?.src ?? "") + added.join("");
  const marker = /^ {0,3}(?:[*+-]|\d{1,9}[.)])/.exec(token.items.at(-keptOpen)?.raw ?? "")?.[0];
  if (marker === undefined) return undefined;
  // One empty line between items makes the whole list loose.
  const prefix = token.loose ? `${marker} x\n\n` : "";
  return { src, prefix, prefixItems: token.loose ? 1 : 0, block: withItems(token, items) };
}

/** Whether the tokens after the prefix continue the block. */
export function goesOn(open: OpenBlock, token: Token | undefined): token is Long {
  if (token?.type !== open.block.type || !token.raw.startsWith(open.prefix)) return false;
  const [read, block] = [token as Long, open.block];
  if (itemsOf(read).length < open.prefixItems) return false;
  if (read.type === "list" && block.type === "list") {
    return read.loose === block.loose && read.ordered === block.ordered;
  }
  return true;
}

/** The whole block: the final items, and the items parsed after the prefix. */
export function joined(open: OpenBlock, read: Long): Long {
  const items = [...itemsOf(open.block), ...itemsOf(read).slice(open.prefixItems)];
  return { ...withItems(open.block, items), raw: open.src + read.raw.slice(open.prefix.length) };
}

function itemsOf(token: Long): readonly Item[] {
  return token.type === "list" ? token.items : token.rows;
}

function withItems(token: Long, items: readonly Item[]): Long {
  return token.type === "list"
    ? { ...token, items: items as Tokens.ListItem[] }
    : { ...token, rows: items as Tokens.TableCell[][] };
}
