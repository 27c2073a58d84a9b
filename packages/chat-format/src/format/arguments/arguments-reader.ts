// Chooses the reader for each syntax of arguments. A new syntax needs a file next to json.ts and a line in this file.
import type { Cursor, Reading } from "../cursor.ts";
import { spellInJson } from "../marks.ts";
import type { ArgumentsSyntax } from "../syntax.ts";
import { readElements } from "./elements.ts";
import { readJsonObject } from "./json.ts";
import { readTags } from "./tags.ts";
import { readTextArguments } from "./text.ts";
import { readValues } from "./values.ts";

/** Receives the arguments of a call as JSON. */
export interface ArgumentsTarget {
  /** Appends JSON text. All texts together are one JSON value when the arguments have ended. */
  say(json: string): void;
  /** Replaces the marks in a piece of the answer by their markers; for text that becomes a JSON string. */
  readonly spell: (text: string) => string;
  /** JSON Schema of the arguments; undefined: any object. */
  readonly schema: unknown;
}

/** Reads the arguments at the cursor. Returns false if the answer ended within them, or if they cannot be read further. */
export function readArguments(cursor: Cursor, syntax: ArgumentsSyntax, target: ArgumentsTarget): Reading {
  switch (syntax.kind) {
    case "json":
      return readJsonObject(cursor, (json) => target.say(spellInJson(json, target.spell)));
    case "tags":
      return readTags(cursor, syntax, target);
    case "values":
      return readValues(cursor, syntax, target);
    case "text":
      return readTextArguments(cursor, syntax, target);
    case "elements":
      return readElements(cursor, syntax, target);
  }
}
