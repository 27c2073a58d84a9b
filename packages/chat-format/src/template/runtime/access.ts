// Owns `a.b`, `a[b]` and `a[b:c:d]`, with the rules of Jinja's sandbox. `a.b` finds a method first and then an item; `a[b]` an item first. A missing
// attribute or item is an undefined value, and the use of an undefined value is an error.
import type { Budget } from "../budget.ts";
import { dictMethods, listMethods, sequenceMethods } from "../builtins/container-methods.ts";
import { textMethods } from "../builtins/text-methods.ts";
import { failure } from "../template-error.ts";
import type { Arguments } from "../values/arguments.ts";
import { characters, charactersCost } from "../values/characters.ts";
import { getItem } from "../values/dict.ts";
import { listItems, toList, undefinedError } from "../values/operators.ts";
import {
  callable,
  isInteger,
  isUndefined,
  valueKind,
  tupleValue,
  typeName,
  undefinedValue,
  type Callable,
  type Dict,
  type Value,
} from "../values/value.ts";

/** Names of Python's internals, which are hidden. */
const hidden = /^__.*__$/;

/** `value.name`. @throws TemplateError failed if the value is undefined */
export function attributeOf(value: Value, name: string, budget: Budget): Value {
  if (isUndefined(value)) throw undefinedError(value);
  const own = ownAttribute(value, name, budget);
  if (own !== undefined) return own;
  const item = valueKind(value) === "dict" ? getItem(value as Dict, name, budget) : undefined;
  return item === undefined ? missing(value, name) : item;
}

/** An attribute or a method, but not an item; undefined if there is no such attribute. */
export function ownAttribute(value: Value, name: string, budget: Budget): Value | undefined {
  budget.read(name.length);
  if (hidden.test(name)) return missing(value, name);
  switch (valueKind(value)) {
    case "namespace":
      return (value as { attributes: Map<string, Value> }).attributes.get(name);
    case "loop":
      return (value as { attribute: (name: string) => Value }).attribute(name);
    default:
      return method(value, name, budget);
  }
}

function missing(value: Value, name: string): Value {
  return undefinedValue(`the attribute ${JSON.stringify(name)} of a ${typeName(value)}`);
}

function method(value: Value, name: string, budget: Budget): Callable | undefined {
  const bound = (call: ((args: Arguments) => Value) | undefined) =>
    call === undefined ? undefined : callable(name, call);
  function of<T>(table: ReadonlyMap<string, (of: T, args: Arguments, budget: Budget) => Value>, self: T) {
    const found = table.get(name);
    return found && ((args: Arguments): Value => found(self, args, budget));
  }
  if (typeof value === "string") {
    const found = of(textMethods, value);
    if (found === undefined) return undefined;
    return callable(name, (args) => {
      // Most methods read the whole text.
      budget.text(value.length);
      return found(args);
    });
  }
  if (Array.isArray(value)) return bound(of(listMethods, value) ?? of(sequenceMethods, value));
  if (value === null || typeof value !== "object") return undefined;
  if (value.kind === "tuple") return bound(of(sequenceMethods, value.items));
  if (value.kind === "dict") return bound(of(dictMethods, value));
  return value.kind === "range" ? bound(of(sequenceMethods, toList(value, budget))) : undefined;
}

/** `value[key]`. @throws TemplateError failed if the value is undefined */
export function itemOf(value: Value, key: Value, budget: Budget): Value {
  if (isUndefined(value)) throw undefinedError(value);
  const found = directItem(value, key, budget);
  if (found !== undefined) return found;
  const named = typeof key === "string" ? ownAttribute(value, key, budget) : undefined;
  if (named !== undefined) return named;
  return missing(value, typeof key === "string" || typeof key === "number" ? String(key) : typeName(key));
}

function directItem(value: Value, key: Value, budget: Budget): Value | undefined {
  if (valueKind(value) === "dict") {
    const kind = valueKind(key);
    return kind === "list" || kind === "dict" ? undefined : getItem(value as Dict, key, budget);
  }
  if (!isInteger(key)) return undefined;
  const items = indexable(value, budget);
  return items?.[Number(key) < 0 ? Number(key) + items.length : Number(key)];
}

/** The characters of a text, or the items of a list, a tuple or a range; undefined for other values. */
function indexable(value: Value, budget: Budget): string | readonly Value[] | undefined {
  if (typeof value === "string") {
    budget.spend(charactersCost(value));
    return characters(value);
  }
  return valueKind(value) === "range" ? toList(value, budget) : listItems(value);
}

/** @throws TemplateError failed for a value without slices, and for a step of 0 */
export function sliceOf(value: Value, bounds: readonly [Value, Value, Value], budget: Budget): Value {
  if (isUndefined(value)) throw undefinedError(value);
  const items = indexable(value, budget);
  if (items === undefined) throw failure(`'${typeName(value)}' object has no slices`);
  if (!bounds.every((bound) => bound === null || isInteger(bound))) throw failure("slice indices must be integers");
  const places = placesOf(items.length, bounds as readonly (number | null)[]);
  if (typeof items === "string") budget.text(places.length);
  else budget.spend(places.length);
  if (typeof value === "string") {
    if (typeof items === "string" && places.step === 1) return items.slice(places.start, places.start + places.length);
    return pick(items as readonly string[], places).join("");
  }
  const picked = pick(items as readonly Value[], places);
  return valueKind(value) === "tuple" ? tupleValue(picked) : picked;
}

interface SlicePlaces {
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

function placesOf(length: number, bounds: readonly (number | null)[]): SlicePlaces {
  const [start, stop, step] = bounds.map((bound) => (bound === null ? undefined : Number(bound)));
  const by = step ?? 1;
  if (by === 0) throw failure("a slice's step cannot be zero");
  const [low, high] = by > 0 ? [0, length] : [-1, length - 1];
  const clamp = (place: number) => Math.min(high, Math.max(low, place < 0 ? place + length : place));
  const from = start === undefined ? (by > 0 ? low : high) : clamp(start);
  const to = stop === undefined ? (by > 0 ? high : low) : clamp(stop);
  return { start: from, step: by, length: Math.max(0, Math.ceil((to - from) / by)) };
}

function pick<T>(items: ArrayLike<T>, { start, step, length }: SlicePlaces): T[] {
  return Array.from({ length }, (_, i) => items[start + i * step] as T);
}
