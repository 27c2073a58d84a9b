// Reads arguments that are plain text, for example code: the text becomes the tool's only argument.
import { type Cursor, type Reading, createWatch } from "../cursor.ts";
import type { TextArguments } from "../syntax.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";
import { propertyNames } from "./schema-types.ts";

export function* readTextArguments(
  cursor: Cursor,
  { argument, until }: TextArguments,
  target: ArgumentsTarget,
): Reading {
  const watch = createWatch(until);
  target.say(`{${JSON.stringify(argumentName(target.schema, argument))}: "`);
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    const text = cursor.text.slice(cursor.at, found.at);
    cursor.at = found.at;
    if (text !== "") target.say(JSON.stringify(target.spell(text)).slice(1, -1));
    // Without an end marker, the end of the answer ends the text.
    if (found.text !== undefined || (cursor.ended && until.length === 0)) {
      target.say('"}');
      return true;
    }
    if (cursor.ended) return false;
    yield;
  }
}

/** The preferred name if the schema has it, otherwise the schema's first name. */
function argumentName(schema: unknown, preferred: string): string {
  const names = propertyNames(schema);
  return names.includes(preferred) ? preferred : (names[0] ?? preferred);
}
