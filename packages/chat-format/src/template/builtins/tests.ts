// Owns Jinja's tests: the names after `is`.
import type { Test } from "../runtime/runtime.ts";
import { bind, required } from "../values/arguments.ts";
import { calculate, contains, holds, isIterable } from "../values/operators.ts";
import { str } from "../values/text.ts";
import { isDict, isFloat, isInteger, isNumber, isUndefined, valueKind, type Value } from "../values/value.ts";
import type { Comparison } from "../syntax/nodes.ts";
import { isCased } from "../values/characters.ts";

const sequences: ReadonlySet<string> = new Set(["str", "list", "tuple", "dict", "range", "undefined"]);

function compare(operator: Comparison): Test {
  return (value, args, { budget }) =>
    holds(operator, value, required("the test", "other", bind("the test", args, ["other"])[0]), budget);
}

function remainder(value: Value, by: Value, expected: number): Test {
  return (_value, _args, { budget }) => holds("==", calculate("%", value, by, budget), expected, budget);
}

export const tests: ReadonlyMap<string, Test> = new Map(
  Object.entries<Test>({
    boolean: (value) => typeof value === "boolean",
    callable: (value) => valueKind(value) === "callable" || valueKind(value) === "loop",
    defined: (value) => !isUndefined(value),
    divisibleby(value, args, runtime) {
      const by = required("divisibleby", "num", bind("divisibleby", args, ["num"])[0]);
      return remainder(value, by, 0)(value, args, runtime);
    },
    escaped: () => false,
    even: (value, args, runtime) => remainder(value, 2, 0)(value, args, runtime),
    false: (value) => value === false,
    filter: (value, _args, { filters }) => typeof value === "string" && filters.has(value),
    float: (value) => isFloat(value),
    in(value, args, { budget }) {
      return contains(required("in", "seq", bind("in", args, ["seq"])[0]), value, budget);
    },
    integer: (value) => isInteger(value) && typeof value !== "boolean",
    iterable: (value) => isIterable(value),
    lower: (value, _args, { budget }) => isAll(str(value, budget), (text) => text.toLowerCase()),
    mapping: (value) => isDict(value),
    none: (value) => value === null,
    number: (value) => isNumber(value),
    odd: (value, args, runtime) => remainder(value, 2, 1)(value, args, runtime),
    sameas(value, args) {
      return value === required("sameas", "other", bind("sameas", args, ["other"])[0]);
    },
    sequence: (value) => sequences.has(valueKind(value)),
    string: (value) => typeof value === "string",
    test: (value) => typeof value === "string" && tests.has(value),
    true: (value) => value === true,
    undefined: (value) => isUndefined(value),
    upper: (value, _args, { budget }) => isAll(str(value, budget), (text) => text.toUpperCase()),
    ...Object.fromEntries(["==", "eq", "equalto"].map((name) => [name, compare("==")])),
    ...Object.fromEntries(["!=", "ne"].map((name) => [name, compare("!=")])),
    ...Object.fromEntries([">", "gt", "greaterthan"].map((name) => [name, compare(">")])),
    ...Object.fromEntries([">=", "ge"].map((name) => [name, compare(">=")])),
    ...Object.fromEntries(["<", "lt", "lessthan"].map((name) => [name, compare("<")])),
    ...Object.fromEntries(["<=", "le"].map((name) => [name, compare("<=")])),
  }),
);

function isAll(text: string, convert: (text: string) => string): boolean {
  return isCased(text) && convert(text) === text;
}
