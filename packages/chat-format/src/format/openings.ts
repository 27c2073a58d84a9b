// Owns where the items of an answer begin. A marker alone begins no call: the text after the marker must lead to the name of a tool. The reader and
// the grammar use the same rows of texts, so that both take the same text for the beginning of a call. Decision 124.
import type { TextRow } from "@waggle/grammar/json-schema";
import { type Cursor, isBlank, maxBlankChars } from "./cursor.ts";
import type { ChatFormat } from "./format.ts";
import { isMark } from "./marks.ts";
import { type AnswerItem, type CallObject, type Syntax, beginnings, hasCall, hasLeaf } from "./syntax.ts";

/** An item that may begin in this answer. */
export interface Opener {
  readonly item: AnswerItem;
  /** The literals that the item can begin with. */
  readonly texts: readonly string[];
  /** The item begins only with one of these rows. Each row begins with one of `texts`. */
  readonly rows: readonly TextRow[];
  /** Whether the item has only calls. If not, its marker is not text, even where the answer ends after the marker. */
  readonly callsOnly: boolean;
}

/** The names of an answer's tools. `cut`: only the beginnings of the names. */
export interface ToolNames {
  readonly texts: readonly string[];
  readonly cut?: boolean;
}

/** The items that may begin in an answer. Without tools, no call begins. If items have the same beginning, only the first item gets it. */
export function openersOf({ answer }: Pick<ChatFormat, "answer">, names: ToolNames): Opener[] {
  const seen = new Set<string>();
  return answer
    .filter(({ syntax }) => names.texts.length > 0 || !hasCall(syntax))
    .map((item) => {
      const texts = (beginnings(item.syntax) ?? []).filter((text) => item.at === "start" || !seen.has(text));
      if (item.at === "anywhere") for (const text of texts) seen.add(text);
      const rows = hasCall(item.syntax) ? rowsOf([item.syntax], names) : texts.map((text) => [[text]]);
      const isOwn = (row: TextRow): boolean => row[0]?.some((text) => texts.includes(text)) === true;
      return { item, texts, rows: rows.filter(isOwn), callsOnly: isCallsOnly(item.syntax) };
    });
}

/** The marks that begin calls or occur only in calls: they are shown where a text mentions them. Other marks have no text outside of their items. */
export function callMarks({ answer }: Pick<ChatFormat, "answer">): string {
  const openers = openersOf({ answer }, { texts: ["any"] }).filter(({ texts }) => texts.length > 0);
  const [calls, others] = [true, false].map((isCall) =>
    openers.filter(({ item }) => hasCall(item.syntax) === isCall),
  ) as [Opener[], Opener[]];
  const elsewhere = JSON.stringify(others.map(({ item }) => item));
  const own = [...JSON.stringify(calls.map(({ item }) => item))].filter((char) => !elsewhere.includes(char));
  const first = calls.flatMap(({ texts }) => [...texts.join("")]);
  return [...new Set([...own, ...first])].filter(isMark).join("");
}

function isCallsOnly(syntax: Syntax): boolean {
  return hasCall(syntax) && !hasLeaf(syntax, (leaf) => leaf.kind === "text" && leaf.part !== "nothing");
}

/** The rows of texts with which the items begin: up to the name of a tool, or up to a text that is not a call. */
function rowsOf(items: readonly Syntax[], names: ToolNames): TextRow[] {
  const [first, ...rest] = items;
  if (first === undefined) return [[]];
  switch (first.kind) {
    case "literal":
      return rowsOf(rest, names).map((row) => [[first.text], ...row]);
    case "blank":
      return rowsOf(rest, names);
    case "sequence":
      return rowsOf([...first.items, ...rest], names);
    case "choice":
      return first.items.flatMap((item) => rowsOf([item, ...rest], names));
    case "optional":
      return [...rowsOf([first.item, ...rest], names), ...rowsOf(rest, names)];
    case "repeat":
      return rowsOf([first.item], names);
    case "name":
      return [named(names, names.texts, first.until)];
    case "id": {
      if (first.name === undefined) return [[]];
      const { open, close } = first.name;
      return [named(names, [...names.texts.map((name) => open + name), ...names.texts], [close, ...first.until])];
    }
    case "implied-name":
      return first.names.some((name) => isNamed(names, name)) ? rowsOf(rest, names) : [];
    case "object":
      return objectRows(first, names);
    case "arguments":
      return [(beginnings(first) ?? []).map((text) => [text])];
    case "text":
      return [[]];
  }
}

function isNamed({ texts, cut }: ToolNames, name: string): boolean {
  return texts.some((text) => (cut === true ? name.startsWith(text) : name === text));
}

function named({ cut }: ToolNames, texts: readonly string[], until: readonly string[]): TextRow {
  return cut === true ? [texts] : [texts, until];
}

/** The beginnings of a call's object: its tool's name, or another member of calls. */
function objectRows({ name, arguments: given, id, within }: CallObject, { texts, cut }: ToolNames): TextRow[] {
  const others = [given, id, within, "arguments", "parameters"].filter((key) => key !== undefined);
  return [
    [
      ["{"],
      [JSON.stringify(name)],
      [":"],
      texts.map((text) => JSON.stringify(text).slice(0, cut === true ? -1 : undefined)),
    ],
    // Without the quote that ends the key: a grammar must refuse the key before it is complete.
    [["{"], [...new Set(others)].map((key) => JSON.stringify(key).slice(0, -1))],
    [["{"], ['"type"'], [":"], ['"function"']],
  ];
}

/** Whether an opener's item begins at this distance from the cursor. Consumes nothing. Waits for more text as long as the text does not decide. */
export function* opens(cursor: Cursor, distance: number, { rows, callsOnly }: Opener): Generator<undefined, boolean> {
  for (;;) {
    const found = rows.map((row) => follows(cursor.text, cursor.at + distance, row));
    if (found.includes("yes")) return true;
    if (!found.includes("open")) return false;
    if (cursor.ended) return !callsOnly;
    yield;
  }
}

/** Whether the row is at this position; "open": more text decides. */
function follows(text: string, from: number, row: TextRow): "yes" | "no" | "open" {
  const [first, ...rest] = row;
  if (first === undefined) return "yes";
  let result: "no" | "open" = "no";
  for (let at = from; ; at += 1) {
    for (const one of first) {
      if (text.startsWith(one, at)) {
        const found = follows(text, at + one.length, rest);
        if (found === "yes") return found;
        if (found === "open") result = found;
      } else if (text.length - at < one.length && one.startsWith(text.slice(at))) result = "open";
    }
    if (at - from >= maxBlankChars || !isBlank(text.charAt(at))) return result;
  }
}
