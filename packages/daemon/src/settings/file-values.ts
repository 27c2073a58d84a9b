// Converts a value of the settings file to the text of its flag.
import { isAlias, isScalar, isSeq } from "yaml";
import type { Document, Node, Scalar } from "yaml";
import { booleanValue, type OptionRow } from "./option-row.ts";

export interface FileValue {
  /** The text that the value would have on the command line. */
  readonly text: string;
  /** Line number, counted from 1. */
  readonly line: number;
}

type Text = { readonly text: string } | { readonly problem: string };

/** Returns the text of a value. A list becomes the text of a flag that is given several times. */
export function settingText(node: Node | null, row: OptionRow, document: Document): Text {
  const value = isAlias(node) ? node.resolve(document) : node;
  if (value === undefined || value === null) return { problem: "has no value" };
  if (isScalar(value)) return scalarText(value, row);
  if (!isSeq<Node>(value)) return { problem: "takes a value, not a map" };
  const { repeatable } = row;
  if (repeatable === undefined) return { problem: "takes one value, not a list" };
  const items = value.items.map((item) =>
    isScalar(item) ? scalarText(item, row) : { problem: "takes a list of texts" },
  );
  const bad = items.find((item) => "problem" in item);
  if (bad !== undefined) return bad;
  const texts = items.flatMap((item) => ("text" in item ? [item.text] : []));
  if (texts.length === 0) return { problem: "has an empty list: leave it out" };
  if (texts.some((text) => text.includes(repeatable))) {
    return { problem: `has ${repeatable === "," ? "a comma" : "a line break"} in an item: make it several` };
  }
  return { text: texts.join(repeatable) };
}

/** A number keeps its original text, since the setting's row decides whether texts such as 007 and 1e3 are valid. */
function scalarText({ value, source }: Scalar, row: OptionRow): Text {
  if (value === null) return { problem: "has no value" };
  if (row.value === undefined) {
    return typeof value === "boolean" ? { text: String(value) } : { problem: "must be true or false" };
  }
  if (typeof value === "boolean" && row.value === booleanValue) return { text: String(value) };
  if (typeof value === "boolean") return { problem: `must be ${row.value}, not ${value}; put quotes around a text` };
  if (typeof value === "string") return { text: value };
  return typeof value === "number" ? { text: source ?? String(value) } : { problem: "must be a text or a number" };
}
