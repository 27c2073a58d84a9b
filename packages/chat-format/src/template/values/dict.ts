// Implements Python's dict, with its insertion order and its equality of keys.
import type { Budget } from "../budget.ts";
import { failure, unsupported } from "../template-error.ts";
import { tupleValue, typeName, type Dict, type DictView, type Key, type Value } from "./value.ts";
import { integer } from "./numbers.ts";

const undefinedKey = Symbol("undefined");

export function dictOf(pairs: Iterable<readonly [Value, Value]>, budget: Budget): Dict {
  const dict: Dict = { kind: "dict", entries: new Map() };
  for (const [key, value] of pairs) setItem(dict, key, value, budget);
  return dict;
}

/** @throws TemplateError failed for a value that cannot be a key */
export function dictKey(value: Value, budget: Budget): Key {
  budget.spend(1);
  if (typeof value === "string") budget.read(value.length);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null || typeof value !== "object") return value;
  if (!Array.isArray(value)) {
    // A float with a fraction equals no integer, so its key can be a plain number.
    if (value.kind === "float") return Number.isInteger(value.value) ? integer(BigInt(value.value)) : value.value;
    if (value.kind === "tuple") throw unsupported("a tuple as a dict's key is not supported");
    if (value.kind === "undefined") return undefinedKey;
    // Values of other kinds get a new key each time, so that no lookup finds them.
    if (value.kind !== "dict" && value.kind !== "view") return Symbol(value.kind);
  }
  throw failure(`unhashable type: '${typeName(value)}'`);
}

export function getItem(dict: Dict, key: Value, budget: Budget): Value | undefined {
  return dict.entries.get(dictKey(key, budget))?.[1];
}

/** Sets an item. An existing key keeps its position and its type (1, 1.0 or true). */
export function setItem(dict: Dict, key: Value, value: Value, budget: Budget): void {
  const known = dictKey(key, budget);
  dict.entries.set(known, [dict.entries.get(known)?.[0] ?? key, value]);
}

export function* dictItems(view: DictView): Generator<Value, undefined> {
  for (const [key, value] of view.dict.entries.values()) {
    yield view.of === "items" ? tupleValue([key, value]) : view.of === "keys" ? key : value;
  }
}
