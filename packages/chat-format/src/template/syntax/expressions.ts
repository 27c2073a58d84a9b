// Parses the expressions of a template, with Jinja's precedence: a choice, or, and, not, comparisons, sums, `~`, products, powers, signs, and
// after a value attributes, items, calls, filters and tests.
import { integer } from "../values/numbers.ts";
import { floatValue } from "../values/value.ts";
import type { Arithmetic, ArgumentNodes, Comparison, Expression, FilterNode } from "./nodes.ts";
import type { TokenReader } from "./token-reader.ts";

const constants: ReadonlyMap<string, Expression> = new Map(
  Object.entries({ true: true, True: true, false: false, False: false, none: null, None: null }).map(
    ([name, value]) => [name, { type: "constant", value }] as const,
  ),
);
const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const notArguments: ReadonlySet<string> = new Set(["else", "or", "and"]);
const noArgs: ArgumentNodes = { positional: [], named: [] };

export interface TupleOptions {
  /** Whether an `if` may follow; false if the `if` belongs to the statement. */
  readonly choices?: boolean;
  readonly mayBeEmpty?: boolean;
  /** A word that ends the tuple, as the end of the tag does. */
  readonly endsAt?: string;
}

export interface ExpressionParser {
  expression(): Expression;
  /** One expression, or a tuple of several expressions with commas between them. */
  tuple(options?: TupleOptions): Expression;
  /** A chain of filters for a block. The `|` before the first filter is already read. */
  filters(): FilterNode;
}

export function createExpressionParser(reader: TokenReader): ExpressionParser {
  const expression = (): Expression => reader.nested(choice);

  function choice(): Expression {
    let value = or();
    while (reader.skip("if")) {
      const test = or();
      const otherwise = reader.skip("else") ? expression() : undefined;
      value = { type: "choice", test, value, otherwise };
    }
    return value;
  }

  function or(): Expression {
    let left = and();
    while (reader.skip("or")) left = { type: "or", left, right: and() };
    return left;
  }

  function and(): Expression {
    let left = not();
    while (reader.skip("and")) left = { type: "and", left, right: not() };
    return left;
  }

  function not(): Expression {
    return reader.skip("not") ? { type: "not", of: reader.nested(not) } : compare();
  }

  function compare(): Expression {
    const first = sum();
    const rest: { operator: Comparison; right: Expression }[] = [];
    for (let operator = comparison(); operator !== undefined; operator = comparison()) {
      rest.push({ operator, right: sum() });
    }
    return rest.length === 0 ? first : { type: "compare", first, rest };
  }

  function comparison(): Comparison | undefined {
    const { type, text } = reader.peek();
    if (type === "operator" && comparisons.has(text)) return reader.next().text as Comparison;
    if (reader.skip("in")) return "in";
    if (!reader.at("not") || reader.peek(1).text !== "in") return undefined;
    reader.next();
    reader.next();
    return "not in";
  }

  function leftToRight(operators: readonly Arithmetic[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const operator = operators.find((one) => reader.peek().type === "operator" && reader.skip(one));
      if (operator === undefined) return left;
      left = { type: "arithmetic", operator, left, right: operand() };
    }
  }

  const sum = (): Expression => leftToRight(["+", "-"], join);
  const product = (): Expression => leftToRight(["*", "/", "//", "%"], power);
  const power = (): Expression => leftToRight(["**"], () => signed(true));

  function join(): Expression {
    const parts = [product()];
    while (reader.skip("~")) parts.push(product());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { type: "join", parts };
  }

  function signed(withFilters: boolean): Expression {
    let value: Expression;
    if (reader.skip("-")) value = { type: "sign", sign: "-", of: reader.nested(() => signed(false)) };
    else if (reader.skip("+")) value = { type: "sign", sign: "+", of: reader.nested(() => signed(false)) };
    else value = primary();
    value = postfix(value);
    return withFilters ? filtered(value) : value;
  }

  function primary(): Expression {
    const { type, text } = reader.peek();
    if (type === "name") return constants.get(reader.next().text) ?? { type: "name", name: text };
    if (type === "integer") return { type: "constant", value: integerOf(reader.next().text) };
    if (type === "float")
      return { type: "constant", value: floatValue(Number(reader.next().text.replaceAll("_", ""))) };
    if (type === "string") return { type: "constant", value: strings() };
    if (reader.skip("(")) {
      const value = reader.nested(() => tuple({ mayBeEmpty: true }));
      reader.expect(")");
      return value;
    }
    if (reader.skip("[")) return { type: "list", items: reader.nested(() => until("]", expression)) };
    if (reader.skip("{")) return { type: "dict", pairs: reader.nested(() => until("}", pair)) };
    throw reader.fail("expected a value");
  }

  function strings(): string {
    let text = "";
    while (reader.peek().type === "string") text += reader.next().text;
    return text;
  }

  function until<T>(closer: string, read: () => T): T[] {
    const items: T[] = [];
    while (!reader.skip(closer)) {
      if (items.length > 0) reader.expect(",");
      if (reader.skip(closer)) break;
      items.push(read());
    }
    return items;
  }

  function pair(): readonly [Expression, Expression] {
    const key = expression();
    reader.expect(":");
    return [key, expression()];
  }

  function tuple({ choices = true, mayBeEmpty = false, endsAt }: TupleOptions = {}): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    while (!atTupleEnd(endsAt)) {
      items.push(choices ? expression() : reader.nested(or));
      if (!reader.skip(",")) break;
      isTuple = true;
    }
    const [only] = items;
    if (!isTuple && only !== undefined) return only;
    if (only === undefined && !mayBeEmpty) throw reader.fail("expected an expression");
    return { type: "tuple", items };
  }

  function atTupleEnd(endsAt: string | undefined): boolean {
    const { type } = reader.peek();
    return type === "tagEnd" || type === "printEnd" || reader.at(")") || (endsAt !== undefined && reader.at(endsAt));
  }

  function postfix(given: Expression): Expression {
    let value = given;
    for (;;) {
      if (reader.skip(".")) value = attribute(value);
      else if (reader.skip("[")) value = subscript(value);
      else if (reader.skip("(")) value = { type: "call", callee: value, args: args() };
      else return value;
    }
  }

  function filtered(given: Expression): Expression {
    let value = given;
    for (;;) {
      if (reader.skip("|")) value = filter(value);
      else if (reader.skip("is")) value = test(value);
      else if (reader.skip("(")) value = { type: "call", callee: value, args: args() };
      else return value;
    }
  }

  function attribute(of: Expression): Expression {
    if (reader.peek().type === "name") return { type: "attribute", of, name: reader.next().text };
    const key = integerOf(reader.take("integer", "a name or a number"));
    return { type: "item", of, key: { type: "constant", value: key } };
  }

  function subscript(of: Expression): Expression {
    const keys = until("]", () => key(of));
    const [only] = keys;
    if (only === undefined) throw reader.fail("expected a key");
    if (keys.length === 1) return only;
    return { type: "item", of, key: { type: "tuple", items: keys.map((one) => ("key" in one ? one.key : one)) } };
  }

  function key(of: Expression): Expression {
    const start = reader.at(":") ? undefined : expression();
    if (!reader.skip(":")) return { type: "item", of, key: start as Expression };
    const stop = bound();
    const step = reader.skip(":") ? bound() : undefined;
    return { type: "slice", of, bounds: [start, stop, step] };
  }

  function bound(): Expression | undefined {
    return reader.at(":") || reader.at("]") || reader.at(",") ? undefined : expression();
  }

  function args(): ArgumentNodes {
    const positional: Expression[] = [];
    const named: (readonly [string, Expression])[] = [];
    let spread: Expression | undefined;
    let spreadNamed: Expression | undefined;
    reader.nested(() =>
      until(")", () => {
        if (reader.skip("**")) spreadNamed = expression();
        else if (reader.skip("*")) spread = expression();
        else if (reader.peek().type === "name" && reader.peek(1).text === "=" && reader.peek(1).type === "operator") {
          const name = reader.next().text;
          reader.next();
          named.push([name, expression()]);
        } else if (named.length > 0 || spreadNamed !== undefined) throw reader.fail("expected a named argument");
        else positional.push(expression());
      }),
    );
    return {
      positional,
      named,
      ...(spread === undefined ? {} : { spread }),
      ...(spreadNamed === undefined ? {} : { spreadNamed }),
    };
  }

  function dottedName(what: string): string {
    let name = reader.take("name", what);
    while (reader.skip(".")) name += `.${reader.take("name", what)}`;
    return name;
  }

  function filter(of: Expression | undefined): FilterNode {
    const name = dottedName("a filter");
    return { type: "filter", of, name, args: reader.skip("(") ? args() : noArgs };
  }

  function filters(): FilterNode {
    let chain = filter(undefined);
    while (reader.skip("|")) chain = filter(chain);
    return chain;
  }

  function test(of: Expression): Expression {
    const isNegated = reader.skip("not");
    const name = dottedName("a test");
    const tested: Expression = { type: "test", of, name, args: testArgs() };
    return isNegated ? { type: "not", of: tested } : tested;
  }

  /** A test also takes a single argument without brackets: `is divisibleby 3`. */
  function testArgs(): ArgumentNodes {
    if (reader.skip("(")) return args();
    const { type, text } = reader.peek();
    const isName = type === "name" && !notArguments.has(text);
    if (isName && text === "is") throw reader.fail("tests cannot be chained");
    const begins = isName || type === "string" || type === "integer" || type === "float";
    if (!begins && !reader.at("[") && !reader.at("{")) return noArgs;
    return { positional: [reader.nested(() => postfix(primary()))], named: [] };
  }

  return { expression, tuple, filters };
}

function integerOf(written: string): number | bigint {
  return integer(BigInt(written.replaceAll("_", "").replace(/^0+(?=\d)/, "")));
}
