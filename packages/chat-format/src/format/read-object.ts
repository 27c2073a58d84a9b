// Passes on the arguments of calls, and reads calls that are JSON objects with name, arguments and id as members, in any order.
import { readArguments } from "./arguments/arguments-reader.ts";
import { readJson, readJsonObject } from "./arguments/json.ts";
import { type Reading, account, takeBlanks, takeLiteral } from "./cursor.ts";
import type { ReadContext } from "./interpret.ts";
import { spellInJson } from "./marks.ts";
import type { ArgumentsSyntax, CallObject } from "./syntax.ts";

/** Length limit for arguments before the name. Such arguments are held back until the name arrives. */
const maxEarlyArgumentsChars = 262_144;
/** Longest key of a member, name of a tool, or id. */
export const maxShortValueChars = 512;

const argumentNames = ["arguments", "parameters"];

export function* readCallObject(context: ReadContext, syntax: CallObject): Reading {
  const early = { json: "", seen: false };
  if (!(yield* readMembers(context, syntax, early))) return false;
  const { bare, call } = context;
  if (!call.isTold) {
    // Without arguments and without a marker, the object is not a call.
    if ((bare && !early.seen) || !call.tell()) return false;
    account(context.cursor);
    call.arguments(early.seen ? early.json : "{}");
    call.complete();
  }
  return true;
}

interface Early {
  json: string;
  seen: boolean;
}

function* readMembers(context: ReadContext, syntax: CallObject, early: Early): Reading {
  const { cursor } = context;
  if (!(yield* takeLiteral(cursor, "{"))) return false;
  for (;;) {
    if (!(yield* takeBlanks(cursor))) return false;
    const char = cursor.text.charAt(cursor.at);
    if (char === "}" || char === ",") {
      cursor.at += 1;
      if (char === "}") return true;
      continue;
    }
    if (char !== '"') return false;
    const key = yield* readShort(context);
    if (key === undefined) return false;
    if (!(yield* takeBlanks(cursor)) || !(yield* takeLiteral(cursor, ":"))) return false;
    if (!(yield* readMember(context, syntax, key, early))) return false;
  }
}

function* readMember(context: ReadContext, syntax: CallObject, key: string, early: Early): Reading {
  const { cursor, call } = context;
  if (!(yield* takeBlanks(cursor))) return false;
  const char = cursor.text.charAt(cursor.at);
  if (key === syntax.name && !call.isNamed) {
    const name = yield* readShort(context);
    return name !== undefined && call.name(name);
  }
  if (key === syntax.id && !call.isTold) {
    const id = yield* readShort(context);
    if (id !== undefined) call.id(id);
    return id !== undefined;
  }
  if (key === syntax.within && char === "{") return yield* readMembers(context, syntax, early);
  if (key === syntax.arguments || (argumentNames.includes(key) && !early.seen && !call.isTold)) {
    if (call.isNamed && !call.isTold) return yield* tellArguments(context, { kind: "json" });
    early.seen = true;
    return yield* readJsonObject(cursor, (json) => {
      if (early.json.length < maxEarlyArgumentsChars) early.json += spellInJson(json, context.spell);
    });
  }
  return yield* readJson(cursor, () => {});
}

/** Passes the call on, and then each piece of its arguments. Returns false also if the call has no name. */
export function* tellArguments({ cursor, call, spell }: ReadContext, syntax: ArgumentsSyntax): Reading {
  if (!call.tell()) return false;
  account(cursor);
  const whole = yield* readArguments(cursor, syntax, {
    say(json) {
      account(cursor);
      call.arguments(json);
    },
    spell,
    schema: call.schema,
  });
  if (whole) call.complete();
  return whole;
}

/** Reads a string or a number as text; undefined for other values, and for long texts. */
function* readShort({ cursor }: ReadContext): Generator<undefined, string | undefined> {
  let json = "";
  const whole = yield* readJson(cursor, (piece) => {
    if (json.length < maxShortValueChars) json += piece;
  });
  if (!whole) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  } catch {
    return undefined;
  }
}
