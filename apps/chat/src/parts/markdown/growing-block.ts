// Owns a list or a table that grows long: its first items keep their tokens, and what follows is read as if it stood alone. Where that
// does not give what the whole would, it says so, and the block is read anew.
import type { Token, Tokens } from "marked";

type Long = Tokens.List | Tokens.Table;
type Item = Tokens.ListItem | Tokens.TableCell[];

/** The last items may still change: the last one grows, and whether it belongs to the one before it shows at its end. */
const keptOpen = 2;
/** Below this nothing is gained. */
const longFrom = 12;

export interface OpenBlock {
  /** Source of the items that are settled. */
  readonly src: string;
  /** What has to stand before the rest so that it is read as it would be in its place. */
  readonly prefix: string;
  /** Items that the prefix makes. */
  readonly prefixItems: number;
  /** With the settled items alone. */
  readonly block: Long;
}

/** The block among these that is long enough, and where it stands; only the last two can still grow. */
export function longBlockAt(tokens: readonly Token[]): number | undefined {
  const shown = [...tokens.keys()].filter((i) => tokens[i]?.type !== "space");
  return shown.slice(-2).findLast((i) => isLong(tokens[i]));
}

function isLong(token: Token | undefined): token is Long {
  return (token?.type === "list" || token?.type === "table") && itemsOf(token as Long).length >= longFrom;
}

/** The block without its last items. `open` is what was settled of it before. */
export function settleItems(token: Token, open: OpenBlock | undefined): OpenBlock | undefined {
  if (!isLong(token)) return undefined;
  const items = itemsOf(token).slice(0, -keptOpen);
  const known = open === undefined ? 0 : itemsOf(open.block).length;
  // What began like an item may have turned out to be more of the one before.
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
  // A list is loose as a whole when an empty line stands anywhere between its items.
  const prefix = token.loose ? `${marker} x\n\n` : "";
  return { src, prefix, prefixItems: token.loose ? 1 : 0, block: withItems(token, items) };
}

/** Whether what was read after the prefix goes on with the block. */
export function goesOn(open: OpenBlock, token: Token | undefined): token is Long {
  if (token?.type !== open.block.type || !token.raw.startsWith(open.prefix)) return false;
  const [read, block] = [token as Long, open.block];
  if (itemsOf(read).length < open.prefixItems) return false;
  if (read.type === "list" && block.type === "list") {
    return read.loose === block.loose && read.ordered === block.ordered;
  }
  return true;
}

/** The whole block: the settled items, and those that were read after the prefix. */
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
