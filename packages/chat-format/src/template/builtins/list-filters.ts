// Owns Jinja's filters of lists and dicts.
import { applyFilter, namedTest, type Filter, type Runtime } from "../runtime/runtime.ts";
import { itemOf, ownAttribute } from "../runtime/access.ts";
import { failure } from "../template-error.ts";
import { bind, required, type Arguments } from "../values/arguments.ts";
import { dictKey } from "../values/dict.ts";
import { calculate, compareValues, isTrue, itemsOf, lengthOf, toList, undefinedError } from "../values/operators.ts";
import { str } from "../values/text.ts";
import {
  isDict,
  isUndefined,
  valueKind,
  sequenceOf,
  typeName,
  undefinedValue,
  valueOr,
  type Value,
} from "../values/value.ts";
import { pairTuples, pairsOf } from "./container-methods.ts";

type Getter = (item: Value) => Value;

/** Returns a function that gets the value at a path in an item: a number, or a text such as "function.name". Without a path, it gets the item. */
function getter(path: Value | undefined, { budget }: Runtime, otherwise?: Value): Getter {
  if (path === undefined || path === null) return (item) => item;
  const parts =
    typeof path === "string" ? path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)) : [path];
  budget.spend(parts.length);
  return (item) => {
    budget.spend(parts.length);
    const found = parts.reduce<Value>((value, part) => itemOf(value, part, budget), item);
    return isUndefined(found) && otherwise !== undefined ? otherwise : found;
  };
}

/** Returns a function that gets the value by which an item is compared: texts in lower case, unless `caseSensitive` is true. */
function orderKey(path: Value | undefined, caseSensitive: Value, runtime: Runtime): Getter {
  const get = getter(path, runtime);
  return (item) => {
    const found = get(item);
    if (typeof found !== "string" || isTrue(caseSensitive)) return found;
    runtime.budget.text(found.length);
    return found.toLowerCase();
  };
}

/**
 * Returns a function that lists the values by which an item is sorted: for "role,name", the values at `role` and `name`. A single value is also put
 * into a list, because two lists with equal items can be compared even if the items have no order, such as two `none`.
 */
function sortKey(path: Value | undefined, caseSensitive: Value, runtime: Runtime): Getter {
  const paths = typeof path === "string" ? path.split(",") : [path];
  const keys = paths.map((one) => orderKey(one, caseSensitive, runtime));
  return (item) => keys.map((key) => key(item));
}

function sorted(items: readonly Value[], key: Getter, reverse: Value, { budget }: Runtime): Value[] {
  const order = isTrue(reverse) ? -1 : 1;
  const keyed = items.map((item) => [key(item), item] as const);
  return keyed.toSorted(([a], [b]) => order * compareValues(a, b, budget)).map(([, item]) => item);
}

const sort: Filter = (value, args, runtime) => {
  const [reverse = false, caseSensitive = false, path] = bind("sort", args, ["reverse", "case_sensitive", "attribute"]);
  return sorted(toList(value, runtime.budget), sortKey(path, caseSensitive, runtime), reverse, runtime);
};

const dictsort: Filter = (value, args, runtime) => {
  const [caseSensitive = false, by = "key", reverse = false] = bind("dictsort", args, [
    "case_sensitive",
    "by",
    "reverse",
  ]);
  if (isUndefined(value)) throw undefinedError(value);
  if (!isDict(value)) throw failure(`a ${typeName(value)} has no items to sort`);
  if (by !== "key" && by !== "value") throw failure('dictsort sorts by "key" or "value"');
  const key = orderKey(by === "key" ? 0 : 1, caseSensitive, runtime);
  return sorted(pairTuples(pairsOf(value, runtime.budget)), key, reverse, runtime);
};

function extreme(sign: 1 | -1): Filter {
  return (value, args, runtime) => {
    const [caseSensitive = false, path] = bind("the filter", args, ["case_sensitive", "attribute"]);
    const key = orderKey(path, caseSensitive, runtime);
    let best: Value | undefined;
    for (const item of toList(value, runtime.budget)) {
      if (best === undefined || sign * compareValues(key(item), key(best), runtime.budget) < 0) best = item;
    }
    return valueOr(best, "the extreme of no items");
  };
}

function chosen(wanted: boolean, byAttribute: boolean): Filter {
  return (value, args, runtime) => {
    const [path, ...rest] = args.positional;
    if (byAttribute && path === undefined) throw failure("the filter needs an attribute");
    const get = getter(byAttribute ? path : undefined, runtime);
    const test = namedTest(byAttribute ? { positional: rest, named: args.named } : args, runtime);
    return lazily(function* () {
      for (const item of itemsIfTrue(value)) {
        runtime.budget.spend(1);
        if (test(get(item)) === wanted) yield item;
      }
    });
  };
}

/** Makes a generator: its items are computed, and its errors occur, only when a template reads them. */
function lazily(run: () => Generator<Value, void>): Value {
  return sequenceOf(run());
}

/** The items of a value. A false value has no items, even if it is not a list. */
function itemsIfTrue(value: Value): Iterable<Value> {
  return isTrue(value) ? itemsOf(value) : [];
}

const map: Filter = (value, args, runtime) => {
  const convert = converter(args, runtime);
  return lazily(function* () {
    for (const item of itemsIfTrue(value)) {
      runtime.budget.spend(1);
      yield convert(item);
    }
  });
};

function converter({ positional, named }: Arguments, runtime: Runtime): Getter {
  const path = named.get("attribute");
  if (positional.length === 0 && path !== undefined) return getter(path, runtime, named.get("default"));
  const [name, ...rest] = positional;
  if (typeof name !== "string") throw failure("map needs a filter's name or an attribute");
  const args = { positional: rest, named };
  return (item) => applyFilter(name, item, args, runtime);
}

const unique: Filter = (value, args, runtime) => {
  const [caseSensitive = false, path] = bind("unique", args, ["case_sensitive", "attribute"]);
  const key = orderKey(path, caseSensitive, runtime);
  return lazily(function* () {
    const seen = new Set<unknown>();
    for (const item of itemsOf(value)) {
      runtime.budget.spend(1);
      const known = dictKey(key(item), runtime.budget);
      if (!seen.has(known)) yield item;
      seen.add(known);
    }
  });
};

const join: Filter = (value, args, runtime) => {
  const [separator = "", path] = bind("join", args, ["d", "attribute"]);
  const get = getter(path, runtime);
  const between = str(separator, runtime.budget);
  const grow = runtime.budget.growingText();
  const texts = toList(value, runtime.budget).map((item) => {
    const text = str(get(item), runtime.budget);
    grow(text.length + between.length);
    return text;
  });
  return texts.join(between);
};

const batch: Filter = (value, args, runtime) => {
  const [size, fill = null] = bind("batch", args, ["linecount", "fill_with"]);
  const count = Number(required("batch", "linecount", size));
  return lazily(function* () {
    if (!(count >= 1)) throw failure("batch needs a positive number");
    const items = toList(value, runtime.budget);
    for (let at = 0; at < items.length; at += count) {
      const row = items.slice(at, at + count);
      if (fill !== null) runtime.budget.spend(count - row.length);
      yield fill === null ? row : [...row, ...Array.from({ length: count - row.length }, () => fill)];
    }
  });
};

const slice: Filter = (value, args, runtime) => {
  const [given, fill = null] = bind("slice", args, ["slices", "fill_with"]);
  const count = Number(required("slice", "slices", given));
  return lazily(function* () {
    if (!(count >= 1)) throw failure("slice needs a positive number");
    const items = toList(value, runtime.budget);
    const [each, longer] = [Math.floor(items.length / count), items.length % count];
    for (let i = 0, at = 0; i < count; i += 1) {
      runtime.budget.spend(1);
      const column = items.slice(at, at + each + (i < longer ? 1 : 0));
      at += column.length;
      yield fill !== null && i >= longer ? [...column, fill] : column;
    }
  });
};

const length: Filter = (value, _args, { budget }) => lengthOf(value, budget);

const defaultValue: Filter = (value, args) => {
  const [otherwise = "", alsoFalse = false] = bind("default", args, ["default_value", "boolean"]);
  return isUndefined(value) || (isTrue(alsoFalse) && !isTrue(value)) ? otherwise : value;
};

export const listFilters: Readonly<Record<string, Filter>> = {
  attr(value, args, { budget }) {
    const [name] = bind("attr", args, ["name"]);
    if (isUndefined(value)) throw undefinedError(value);
    return valueOr(ownAttribute(value, str(name ?? null, budget), budget), "the attribute");
  },
  batch,
  count: length,
  d: defaultValue,
  default: defaultValue,
  dictsort,
  first(value, _args, { budget }) {
    budget.spend(1);
    for (const item of itemsOf(value)) return item;
    return undefinedValue("the first of no items");
  },
  items: (value) =>
    lazily(function* () {
      if (isUndefined(value)) return;
      if (!isDict(value)) throw failure("Can only get item pairs from a mapping.");
      yield* itemsOf({ kind: "view", of: "items", dict: value });
    }),
  join,
  last(value, _args, { budget }) {
    if (valueKind(value) === "sequence") throw failure("a generator has no last item");
    return valueOr(toList(value, budget).at(-1), "the last of no items");
  },
  length,
  list: (value, _args, { budget }) => toList(value, budget),
  map,
  max: extreme(-1),
  min: extreme(1),
  reject: chosen(false, false),
  rejectattr: chosen(false, true),
  reverse(value, _args, { budget }) {
    if (typeof value === "string") return (toList(value, budget) as string[]).toReversed().join("");
    return sequenceOf(toList(value, budget).toReversed());
  },
  select: chosen(true, false),
  selectattr: chosen(true, true),
  slice,
  sort,
  sum(value, args, runtime) {
    const [path, start = 0] = bind("sum", args, ["attribute", "start"]);
    const get = getter(path, runtime);
    return toList(value, runtime.budget).reduce((sum, item) => calculate("+", sum, get(item), runtime.budget), start);
  },
  unique,
};
