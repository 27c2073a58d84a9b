// Writes string values that fulfil a schema's constraints, in each kind of quotes of the notation.
import { anyChar } from "../../rules/char-set.ts";
import { choice, never, type Expression } from "../../rules/expression.ts";
import { anyString } from "../values/free-form.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { quoted, stringChar } from "../values/json-text.ts";
import type { StringQuote } from "../../rules/notation.ts";
import { rawString } from "./raw-text.ts";
import { constraintsKey, isPlain, languageText, type StringConstraints } from "./strings.ts";

/** Returns `never` if no string fulfils the constraints. @throws UnsupportedSchemaError naming the pattern that cannot be compiled */
export function stringExpression(grammar: Grammar, constraints: StringConstraints, hint: string): Expression {
  const { minLength, maxLength } = constraints;
  if (minLength > maxLength) return never;
  if (isPlain(constraints) && minLength === 0 && maxLength === Infinity) return anyString(grammar);
  return choice(
    ...grammar.notation.quotes.map((quote) => {
      if (quote.escapes === undefined) return quoted(rawString(grammar, constraints, quote.text, hint), quote);
      return grammar.shared(`${quote.text} ${constraintsKey(constraints)}`, stringRuleName(constraints, hint), (name) =>
        quoted(escapedString(grammar, constraints, quote, name), quote),
      );
    }),
  );
}

function stringRuleName(constraints: StringConstraints, hint: string): string {
  const { minLength, maxLength } = constraints;
  return isPlain(constraints) ? `string-${minLength}-${maxLength === Infinity ? "up" : maxLength}` : hint;
}

function escapedString(grammar: Grammar, constraints: StringConstraints, quote: StringQuote, name: string): Expression {
  const { minLength, maxLength } = constraints;
  if (isPlain(constraints)) return grammar.counted(stringChar(grammar, anyChar, quote), minLength, maxLength, name);
  return languageText(grammar, constraints, { name, spell: (_, set) => stringChar(grammar, set, quote) });
}
