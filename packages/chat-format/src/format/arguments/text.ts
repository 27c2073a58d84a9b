// Reads arguments that are plain text up to the end of the answer, for example code: the text becomes the tool's only argument.
import type { Cursor, Reading } from "../cursor.ts";
import type { TextArguments } from "../syntax.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";
import { propertyNames } from "./schema-types.ts";

export function* readTextArguments(cursor: Cursor, { argument }: TextArguments, target: ArgumentsTarget): Reading {
  target.say(`{${JSON.stringify(argumentName(target.schema, argument))}: "`);
  for (;;) {
    const text = cursor.text.slice(cursor.at);
    cursor.at = cursor.text.length;
    if (text !== "") target.say(JSON.stringify(target.spell(text)).slice(1, -1));
    if (cursor.ended) {
      target.say('"}');
      return true;
    }
    yield;
  }
}

/** The preferred name if the schema has it, otherwise the schema's first name. */
function argumentName(schema: unknown, preferred: string): string {
  const names = propertyNames(schema);
  return names.includes(preferred) ? preferred : (names[0] ?? preferred);
}
