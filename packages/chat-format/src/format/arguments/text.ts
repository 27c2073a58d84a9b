// Reads arguments that are plain text, for example code: the text becomes the only argument of the tool.
import { type Cursor, type Reading, createWatch } from "../cursor.ts";
import type { TextArguments } from "../syntax.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";

export function* readTextArguments(
  cursor: Cursor,
  { argument, until }: TextArguments,
  target: ArgumentsTarget,
): Reading {
  const watch = createWatch(until);
  target.say(`{${JSON.stringify(argumentNames(target.schema, argument)[0])}: "`);
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    const text = cursor.text.slice(cursor.at, found.at);
    cursor.at = found.at;
    if (text !== "") target.say(JSON.stringify(target.spell(text)).slice(1, -1));
    // A whole text looks like one that was cut, where nothing need follow it.
    if (found.text !== undefined || (cursor.ended && until.length === 0)) {
      target.say('"}');
      return true;
    }
    if (cursor.ended) return false;
    yield;
  }
}

/** The names that a schema has, the preferred one first where it is among them, or where the schema has no names. */
function argumentNames(schema: unknown, preferred: string): string[] {
  const properties = (schema as { readonly properties?: unknown } | null | undefined)?.properties;
  const names = typeof properties === "object" && properties !== null ? Object.keys(properties) : [];
  return names.length === 0 || names.includes(preferred) ? [preferred, ...names] : names;
}
