// Keeps the rules of one grammar, limits their size, and prints them as one text.
import { checkRules } from "./check-rules.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { innerOf, isNever, reference, repeat, sequence, choice, type Expression } from "./expression.ts";
import type { GrammarLimits } from "./limits.ts";
import { jsonNotation, type Notation } from "./notation.ts";
import { isAtom, printRule } from "./print.ts";
import { pruneRules } from "./prune-rules.ts";

/** llama.cpp's limit for the count of a repetition. */
const highestCount = 2_000;
/** Higher counts are composed of blocks of this many repetitions. */
const blockLength = 256;
/** Limit for the text of all defined rules, as a multiple of `grammarChars`: not all defined rules are printed. */
const draftsPerGrammar = 4;
const longestName = 28;

export type Rules = ReadonlyMap<string, Expression>;

export interface Grammar {
  readonly limits: GrammarLimits;
  /** The notation of values. */
  readonly notation: Notation;
  /** This grammar, for values in another notation. Rules of `shared` are shared only within one notation. */
  in(notation: Notation): Grammar;
  /** Counts steps of work. @throws UnsupportedSchemaError above the limit of steps */
  spend(steps: number): void;
  /** Returns an unused rule name that resembles `hint`. @param path path of the rule's schema, for error messages */
  reserve(hint: string, path?: string): string;
  /** Defines the rule with a reserved name, and returns a reference to it. @throws UnsupportedSchemaError at the limits of the grammar's size */
  define(name: string, expression: Expression): Expression;
  /** A reference to the rule with this key. The first call with a key builds the rule. */
  shared(key: string, hint: string, build: (name: string) => Expression): Expression;
  /** `item` from `min` to `max` times; counts above llama.cpp's limit are composed of several rules. */
  counted(item: Expression, min: number, max: number, hint: string): Expression;
  /** Whether the rule matches any finite text. @throws UnsupportedSchemaError if the rule begins with itself or has too many beginnings */
  check(name: string): boolean;
  /** Prints the grammar, beginning with the rule `root`, without unreachable rules and rules that match no text. Undefined when `root` matches no text. */
  print(root: string): string | undefined;
}

export function createGrammar(limits: GrammarLimits): Grammar {
  const rules = new Map<string, Expression>();
  /** Reserved names, each with the last number that was appended to make a further name. */
  const names = new Map<string, number>();
  /** Cached results of `baseOf`, by hint: all rules of an automaton's states have the same hint. */
  const bases = new Map<string, string>();
  const paths = new Map<string, string>();
  const sharedRules = new Map<string, Expression>();
  const texts = new Map<string, { readonly expression: Expression; readonly text: string }>();
  let chars = 0;
  let expandedRepetitions = 0;
  let spentSteps = 0;

  function spend(steps: number): void {
    spentSteps += steps;
    if (spentSteps > limits.steps) throw tooLarge(`takes more than ${limits.steps} steps to compile`);
  }

  function reserve(hint: string, path?: string): string {
    const base = bases.get(hint) ?? baseOf(hint);
    bases.set(hint, base);
    let name = base;
    let count = names.get(base) ?? 0;
    for (; names.has(name); name = `${base}-${count}`) count += 1;
    names.set(name, 1).set(base, Math.max(count, 1));
    if (path !== undefined) paths.set(name, path);
    return name;
  }

  /** Prints an expression. Caches the text, since most rules are printed as they were defined. */
  function printed(name: string, expression: Expression): string {
    const known = texts.get(name);
    if (known?.expression === expression) return known.text;
    const text = printRule(name, expression);
    texts.set(name, { expression, text });
    return text;
  }

  function define(name: string, expression: Expression): Expression {
    chars += printed(name, expression).length;
    expandedRepetitions += repetitionsOf(expression);
    if (chars > draftsPerGrammar * limits.grammarChars)
      throw tooLarge(`makes more than ${draftsPerGrammar} times ${limits.grammarChars} characters of rules`);
    if (expandedRepetitions > limits.expandedRepetitions) {
      throw tooLarge(`makes a grammar with more than ${limits.expandedRepetitions} counted repetitions`);
    }
    rules.set(name, expression);
    return isNever(expression) ? expression : reference(name);
  }

  function shared(key: string, hint: string, build: (name: string) => Expression): Expression {
    const known = sharedRules.get(key);
    if (known !== undefined) return known;
    const name = reserve(hint);
    const rule = define(name, build(name));
    sharedRules.set(key, rule);
    return rule;
  }

  function atom(item: Expression, hint: string): Expression {
    return isAtom(item) || isNever(item) ? item : define(reserve(hint), item);
  }

  function counted(item: Expression, min: number, max: number, hint: string): Expression {
    const uncounted = (min === 0 || min === 1) && (max === 1 || max === Infinity);
    if (uncounted) return repeat(item, min, max);
    const one = atom(item, hint);
    if (min <= highestCount && (max <= highestCount || max === Infinity)) return repeat(one, min, max);
    if (isNever(one)) return repeat(one, min, max);
    const block = atom(repeat(one, blockLength, blockLength), `${hint}-block`);
    const rest = max === Infinity ? repeat(one, 0, Infinity) : upTo(one, block, max - min);
    return sequence(exactly(one, block, min), rest);
  }

  function usefulRules(root: string): Rules | undefined {
    const useful = pruneRules(rules, root, spend);
    if (useful === undefined) return undefined;
    checkRules(useful, paths, { limits, spend });
    const length = [...useful].reduce((sum, [name, expression]) => sum + printed(name, expression).length, 0);
    if (length > limits.grammarChars) throw tooLarge(`makes a grammar of more than ${limits.grammarChars} characters`);
    return useful;
  }

  const common = {
    limits,
    spend,
    reserve,
    define,
    counted,
    check: (name: string) => usefulRules(name) !== undefined,
    print: (root: string) => {
      const useful = usefulRules(root);
      return useful === undefined
        ? undefined
        : [...useful].map(([name, expression]) => printed(name, expression)).join("");
    },
  } satisfies Partial<Grammar>;
  const byNotation = new Map<string, Grammar>();

  function inNotation(notation: Notation): Grammar {
    const known = byNotation.get(notation.name);
    if (known !== undefined) return known;
    const grammar: Grammar = {
      ...common,
      notation,
      in: inNotation,
      shared: (key, hint, build) => shared(`${notation.name} ${key}`, hint, build),
    };
    byNotation.set(notation.name, grammar);
    return grammar;
  }

  return inNotation(jsonNotation);
}

/** The end of the hint, with only the characters that GBNF allows in names. */
function baseOf(hint: string): string {
  return (
    hint
      .replaceAll(/[^A-Za-z0-9]+/g, "-")
      .slice(-longestName)
      .replaceAll(/^-|-$/g, "") || "rule"
  );
}

function exactly(one: Expression, block: Expression, count: number): Expression {
  const blocks = Math.floor(count / blockLength);
  return sequence(repeat(block, blocks, blocks), repeat(one, count % blockLength, count % blockLength));
}

function upTo(one: Expression, block: Expression, count: number): Expression {
  const blocks = Math.floor(count / blockLength);
  if (blocks === 0) return repeat(one, 0, count);
  return choice(
    sequence(repeat(block, 0, blocks - 1), repeat(one, 0, blockLength - 1)),
    sequence(repeat(block, blocks, blocks), repeat(one, 0, count % blockLength)),
  );
}

function repetitionsOf(expression: Expression): number {
  const { min, max } = expression.kind === "repeat" ? expression : { min: 0, max: 0 };
  const own = max === Infinity ? min + 1 : max;
  return innerOf(expression).reduce((sum, inner) => sum + repetitionsOf(inner), own);
}

function tooLarge(reason: string): UnsupportedSchemaError {
  return new UnsupportedSchemaError("", "schema", reason);
}
