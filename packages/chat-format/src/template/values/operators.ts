// Implements Python's operators: truth, equality, order, membership, sums and products, length and iteration.
import type { Budget } from "../budget.ts";
import { charsPerStep, checkDepth } from "../limits.ts";
import { failure } from "../template-error.ts";
import type { Arithmetic, Comparison } from "../syntax/nodes.ts";
import { charactersCost, compareTexts, textLength } from "./characters.ts";
import { dictItems, dictKey } from "./dict.ts";
import { formatPercent } from "./percent-format.ts";
import { compute, toDouble, type Num } from "./numbers.ts";
import {
  isFloat,
  isNumber,
  valueKind,
  tupleValue,
  typeName,
  type Range,
  type Tuple,
  type Undefined,
  type Value,
} from "./value.ts";

export function isTrue(value: Value): boolean {
  if (typeof value !== "object") return Boolean(value);
  if (value === null) return false;
  return isFloat(value) ? value.value !== 0 : sizeOf(value) !== 0;
}

/** Number of items; undefined for values without a length, such as numbers and generators. */
function sizeOf(value: Exclude<Value, string>): number | undefined {
  if (Array.isArray(value)) return value.length;
  if (value === null || typeof value !== "object") return undefined;
  switch (value.kind) {
    case "tuple":
      return value.items.length;
    case "dict":
      return value.entries.size;
    case "view":
      return value.dict.entries.size;
    case "range":
      return value.length;
    case "undefined":
      return 0;
    default:
      return undefined;
  }
}

export function undefinedError(value: Undefined): Error {
  return failure(`${value.what} is undefined`);
}

/** @throws TemplateError failed for values without a length */
export function lengthOf(value: Value, budget: Budget): number {
  if (typeof value === "string") {
    budget.spend(charactersCost(value));
    return textLength(value);
  }
  const size = sizeOf(value);
  if (size === undefined) throw failure(`object of type '${typeName(value)}' has no len()`);
  return size;
}

const kindsWithoutItems: readonly string[] = ["none", "bool", "int", "float", "callable", "namespace"];

export function isIterable(value: Value): boolean {
  return !kindsWithoutItems.includes(valueKind(value));
}

/** @throws TemplateError failed for values without items */
export function itemsOf(value: Value): Iterable<Value> {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value;
  if (value !== null && typeof value === "object") {
    switch (value.kind) {
      case "tuple":
        return value.items;
      case "dict":
        return dictItems({ kind: "view", of: "keys", dict: value });
      case "view":
        return dictItems(value);
      case "range":
        return rangeItems(value);
      case "sequence":
        return { [Symbol.iterator]: () => value.items };
      case "undefined":
        return [];
      default:
    }
  }
  throw failure(`'${typeName(value)}' object is not iterable`);
}

/** Returns all items in a new list. */
export function toList(value: Value, budget: Budget): Value[] {
  const list: Value[] = [];
  for (const item of itemsOf(value)) {
    budget.spend(1);
    list.push(item);
  }
  return list;
}

function* rangeItems({ start, step, length }: Range): Generator<Value, undefined> {
  for (let i = 0; i < length; i += 1) yield start + i * step;
}

export function areEqual(left: Value, right: Value, budget: Budget, depth = 0): boolean {
  checkDepth(depth, "it compares values of");
  budget.spend(1);
  if (typeof left === "string" && typeof right === "string")
    budget.spend(Math.min(left.length, right.length) / charsPerStep);
  if (left === right) return true;
  if (isNumber(left) && isNumber(right)) return numbersAreEqual(left, right);
  const kind = valueKind(left);
  if (kind !== valueKind(right)) return false;
  if (Array.isArray(left) && Array.isArray(right)) return listsAreEqual(left, right, budget, depth);
  if (left === null || right === null || typeof left !== "object" || typeof right !== "object") return false;
  if (Array.isArray(left) || Array.isArray(right)) return false;
  if (left.kind === "tuple" && right.kind === "tuple") return listsAreEqual(left.items, right.items, budget, depth);
  if (left.kind === "range" && right.kind === "range") {
    budget.spend(left.length + right.length);
    return listsAreEqual([...rangeItems(left)], [...rangeItems(right)], budget, depth);
  }
  if (left.kind !== "dict" || right.kind !== "dict") return kind === "undefined";
  if (left.entries.size !== right.entries.size) return false;
  for (const [key, [, value]] of left.entries) {
    const other = right.entries.get(key);
    if (other === undefined || !areEqual(value, other[1], budget, depth + 1)) return false;
  }
  return true;
}

function numbersAreEqual(left: Num, right: Num): boolean {
  const [a, b] = [typeof left === "object" ? left.value : left, typeof right === "object" ? right.value : right];
  // JavaScript compares a bigint and a number exactly.
  return Number(a) === Number(b) && (typeof a !== "bigint" || typeof b !== "bigint" || a === b);
}

function listsAreEqual(left: readonly Value[], right: readonly Value[], budget: Budget, depth: number): boolean {
  return left.length === right.length && left.every((item, i) => areEqual(item, right[i] ?? null, budget, depth + 1));
}

/**
 * Returns a number below, equal to or above zero.
 * @throws TemplateError failed for values that Python does not order
 */
export function compareValues(left: Value, right: Value, budget: Budget, depth = 0): number {
  checkDepth(depth, "it compares values of");
  budget.spend(1);
  if (isNumber(left) && isNumber(right)) {
    if (typeof left === "bigint" && typeof right === "bigint") return left < right ? -1 : left > right ? 1 : 0;
    const [a, b] = [toDouble(left), toDouble(right)];
    return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
  }
  if (typeof left === "string" && typeof right === "string") {
    budget.spend(charactersCost(left) + charactersCost(right));
    return compareTexts(left, right);
  }
  const [a, b] = [listItems(left), listItems(right)];
  if (a !== undefined && b !== undefined && valueKind(left) === valueKind(right)) {
    for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
      const [x = null, y = null] = [a[i], b[i]];
      if (!areEqual(x, y, budget, depth + 1)) return compareValues(x, y, budget, depth + 1);
    }
    return a.length - b.length;
  }
  if (valueKind(left) === "undefined") throw undefinedError(left as Undefined);
  if (valueKind(right) === "undefined") throw undefinedError(right as Undefined);
  throw failure(`'${typeName(left)}' and '${typeName(right)}' have no order`);
}

/** The items of a list or a tuple; undefined for other values. */
export function listItems(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return valueKind(value) === "tuple" ? (value as Tuple).items : undefined;
}

export function holds(operator: Comparison, left: Value, right: Value, budget: Budget): boolean {
  switch (operator) {
    case "==":
      return areEqual(left, right, budget);
    case "!=":
      return !areEqual(left, right, budget);
    case "in":
      return contains(right, left, budget);
    case "not in":
      return !contains(right, left, budget);
    case "<":
      return compareValues(left, right, budget) < 0;
    case "<=":
      return compareValues(left, right, budget) <= 0;
    case ">":
      return compareValues(left, right, budget) > 0;
    case ">=":
      return compareValues(left, right, budget) >= 0;
  }
}

export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") {
      throw failure(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    budget.text(container.length);
    budget.search(container, item);
    return container.includes(item);
  }
  if (valueKind(container) === "dict")
    return (container as { entries: Map<unknown, unknown> }).entries.has(dictKey(item, budget));
  if (!isIterable(container)) throw failure(`argument of type '${typeName(container)}' is not iterable`);
  for (const one of itemsOf(container)) if (areEqual(one, item, budget)) return true;
  return false;
}

/** @throws TemplateError failed for values that Python's operator does not take; limit */
export function calculate(operator: Arithmetic, left: Value, right: Value, budget: Budget): Value {
  if (typeof left === "string") {
    if (operator === "+" && typeof right === "string") {
      budget.text(left.length + right.length);
      return left + right;
    }
    if (operator === "%") return formatPercent(left, right, budget);
  }
  if (isNumber(left) && isNumber(right)) return compute(operator, left, right);
  if (operator === "+") {
    const [a, b] = [listItems(left), listItems(right)];
    if (a !== undefined && b !== undefined && valueKind(left) === valueKind(right)) {
      budget.spend(a.length + b.length);
      return Array.isArray(left) ? [...a, ...b] : tupleValue([...a, ...b]);
    }
  }
  if (operator === "*") {
    const repeated = repeat(left, right, budget) ?? repeat(right, left, budget);
    if (repeated !== undefined) return repeated;
  }
  if (valueKind(left) === "undefined") throw undefinedError(left as Undefined);
  if (valueKind(right) === "undefined") throw undefinedError(right as Undefined);
  throw failure(`unsupported operand types for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

function repeat(value: Value, times: Value, budget: Budget): Value | undefined {
  if (typeof times !== "number" && typeof times !== "boolean" && typeof times !== "bigint") return undefined;
  const count = Math.max(0, Number(times));
  if (typeof value === "string") {
    budget.text(value.length * count);
    return value.repeat(value === "" ? 0 : count);
  }
  const items = listItems(value);
  if (items === undefined) return undefined;
  budget.spend(items.length * count);
  const repeated = items.length === 0 ? [] : Array.from({ length: count }, () => items).flat();
  return Array.isArray(value) ? repeated : tupleValue(repeated);
}
