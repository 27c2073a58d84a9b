// Owns the grammar of any JSON value, nested to a fixed depth.
import {
  charClass,
  choice,
  literal,
  oneOf,
  optional,
  repeat,
  sequence,
  type Expression,
} from "../../rules/expression.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { bareNameChars, blank, comma, quoted, stringChar } from "./json-text.ts";
import { anyChar } from "../../rules/char-set.ts";
import { freeFormDepth, numberDigits } from "../../rules/limits.ts";
import { textWithout } from "../strings/raw-text.ts";

const digit = oneOf("09");

export function anyString(grammar: Grammar): Expression {
  return grammar.shared("string", "string", () =>
    choice(
      ...grammar.notation.quotes.map((quote) => {
        if (quote.escapes === undefined)
          return quoted(textWithout(grammar, { anywhere: [[[quote.text]]] }, "text"), quote);
        return quoted(repeat(stringChar(grammar, anyChar, quote), 0, Infinity), quote);
      }),
    ),
  );
}

/** The name of any member. */
export function anyName(grammar: Grammar): Expression {
  if (!grammar.notation.bareNames) return anyString(grammar);
  return grammar.shared("name", "name", () => repeat(charClass(bareNameChars), 1, Infinity));
}

export function anyInteger(grammar: Grammar): Expression {
  return grammar.shared("integer", "integer", () =>
    choice(literal("0"), sequence(optional(literal("-")), oneOf("19"), repeat(digit, 0, numberDigits.integer - 1))),
  );
}

export function anyNumber(grammar: Grammar): Expression {
  return grammar.shared("number", "number", () =>
    sequence(
      optional(literal("-")),
      choice(literal("0"), sequence(oneOf("19"), repeat(digit, 0, numberDigits.integer - 1))),
      optional(sequence(literal("."), repeat(digit, 1, numberDigits.fraction))),
      optional(sequence(oneOf("E", "e"), optional(oneOf("+", "-")), repeat(digit, 1, numberDigits.exponent))),
    ),
  );
}

export function anyBoolean(grammar: Grammar): Expression {
  const { words } = grammar.notation;
  return grammar.shared("boolean", "boolean", () => choice(...[...words.true, ...words.false].map(literal)));
}

export function nullWord({ notation }: Grammar): Expression {
  return choice(...notation.words.null.map(literal));
}

export function anyValue(grammar: Grammar): Expression {
  return freeForm(grammar, "value", 0);
}

export function anyObject(grammar: Grammar): Expression {
  return freeForm(grammar, "object", 0);
}

export function anyArray(grammar: Grammar): Expression {
  return freeForm(grammar, "array", 0);
}

/** Makes separate rules for each depth, since a grammar cannot count. */
function freeForm(grammar: Grammar, kind: "value" | "object" | "array", depth: number): Expression {
  const name = depth === 0 ? kind : `${kind}-${depth}`;
  return grammar.shared(`any ${name}`, name, () => {
    if (kind === "object") return listExpression(grammar, "{", freeFormMember(grammar, depth + 1), "}");
    if (kind === "array") return listExpression(grammar, "[", freeForm(grammar, "value", depth + 1), "]");
    const scalar = [anyString(grammar), anyNumber(grammar), anyBoolean(grammar), nullWord(grammar)];
    if (depth === freeFormDepth) return choice(...scalar);
    return choice(freeForm(grammar, "object", depth), freeForm(grammar, "array", depth), ...scalar);
  });
}

function freeFormMember(grammar: Grammar, depth: number): Expression {
  return sequence(anyName(grammar), literal(":"), blank(grammar), freeForm(grammar, "value", depth));
}

function listExpression(grammar: Grammar, open: string, item: Expression, close: string): Expression {
  const items = sequence(item, repeat(sequence(comma(grammar), item), 0, Infinity));
  return sequence(literal(open), optional(items), literal(close));
}
