// Prints GBNF. The text is ASCII, so that neither its length nor its meaning depends on an encoding.
import { isEmpty, type Expression } from "./expression.ts";
import { codePoint, type CharRange, type CharSet } from "./char-set.ts";

/** At least this many equal items in a row are printed as one item with a count. */
const shortestRun = 3;
/** Matches literals in which no character needs an escape. */
const plainLiteral = /^[ !#-[\]-~]*$/;
const setTexts = new WeakMap<CharSet, string>();

export function printRule(name: string, expression: Expression): string {
  return `${name} ::= ${printOptions(expression)}\n`;
}

/** Prints alternatives without parentheses around them. */
function printOptions(expression: Expression): string {
  if (expression.kind !== "choice") return printSequence(expression);
  return expression.options.map(printSequence).join(" | ");
}

function printSequence(expression: Expression): string {
  if (isEmpty(expression)) return '""';
  if (expression.kind !== "sequence") return printItem(expression);
  const words: { text: string; count: number; countable: boolean }[] = [];
  for (const item of expression.items) {
    const text = printItem(item);
    const last = words.at(-1);
    if (last?.text === text) last.count += 1;
    else words.push({ text, count: 1, countable: isAtom(item) });
  }
  return words
    .map(({ text, count, countable }) => {
      if (count === 1) return text;
      return countable && count >= shortestRun
        ? `${text}{${count}}`
        : Array.from({ length: count }, () => text).join(" ");
    })
    .join(" ");
}

function printItem(expression: Expression): string {
  switch (expression.kind) {
    case "literal":
      return plainLiteral.test(expression.text)
        ? `"${expression.text}"`
        : `"${[...expression.text].map(printLiteralChar).join("")}"`;
    case "class":
      return printSet(expression.set);
    case "reference":
      return expression.rule;
    case "sequence":
    case "choice":
      return `(${printOptions(expression)})`;
    case "repeat":
      return `${printRepeated(expression.item)}${printCount(expression.min, expression.max)}`;
  }
}

/** Prints a set of characters. Caches the text, since most sets occur in many rules. */
function printSet(set: CharSet): string {
  const text = setTexts.get(set) ?? `[${set.map(printRange).join("")}]`;
  setTexts.set(set, text);
  return text;
}

function printRepeated(item: Expression): string {
  return item.kind === "repeat" ? `(${printItem(item)})` : printItem(item);
}

/** Whether the expression can have a count directly after it. A counted group would make the parser repeat the rules within the group as well. */
export function isAtom(expression: Expression): boolean {
  return expression.kind === "literal" || expression.kind === "class" || expression.kind === "reference";
}

function printCount(min: number, max: number): string {
  if (min === 0 && max === 1) return "?";
  if (max === Infinity) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function printRange([first, last]: CharRange): string {
  if (first === last) return printClassChar(first);
  return `${printClassChar(first)}${last === first + 1 ? "" : "-"}${printClassChar(last)}`;
}

function printClassChar(char: number): string {
  const text = String.fromCodePoint(char);
  return "-^[]\\".includes(text) ? `\\x${hex(char, 2)}` : printChar(char);
}

function printLiteralChar(text: string): string {
  return text === '"' || text === "\\" ? `\\${text}` : printChar(codePoint(text));
}

function printChar(char: number): string {
  if (char >= 0x20 && char < 0x7f) return String.fromCodePoint(char);
  if (char <= 0xff) return `\\x${hex(char, 2)}`;
  return char <= 0xffff ? `\\u${hex(char, 4)}` : `\\U${hex(char, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
