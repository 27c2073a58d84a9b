// Owns the methods of lists, tuples, dicts and ranges. Methods that change a value are included, although the sandbox of transformers forbids these
// methods: templates use them, and change only a copy of the caller's values.
import type { Budget } from "../budget.ts";
import { failure } from "../template-error.ts";
import { bind, required, type Arguments } from "../values/arguments.ts";
import { dictOf, getItem, dictKey, setItem } from "../values/dict.ts";
import { areEqual, compareValues, isTrue, toList } from "../values/operators.ts";
import { isDict, isInteger, isUndefined, tupleValue, type Dict, type Value } from "../values/value.ts";

type Method<Of> = (of: Of, args: Arguments, budget: Budget) => Value;

/** Methods that lists, tuples and ranges share. */
export const sequenceMethods: ReadonlyMap<string, Method<readonly Value[]>> = new Map(
  Object.entries<Method<readonly Value[]>>({
    count(items, args, budget) {
      const wanted = required("count()", "value", bind("count()", args, ["value"])[0]);
      return items.filter((item) => areEqual(item, wanted, budget)).length;
    },
    index(items, args, budget) {
      const [value, start = 0] = bind("index()", args, ["value", "start"]);
      const wanted = required("index()", "value", value);
      budget.read(items.length);
      const found = items.findIndex((item, i) => i >= Number(start) && areEqual(item, wanted, budget));
      if (found < 0) throw failure("the value is not in the list");
      return found;
    },
  }),
);

export const listMethods: ReadonlyMap<string, Method<Value[]>> = new Map(
  Object.entries<Method<Value[]>>({
    append(list, args, budget) {
      budget.spend(1);
      list.push(required("append()", "object", bind("append()", args, ["object"])[0]));
      return null;
    },
    clear(list, args) {
      bind("clear()", args, []);
      list.length = 0;
      return null;
    },
    copy: (list, _args, budget) => toList(list, budget),
    extend(list, args, budget) {
      const more = toList(required("extend()", "iterable", bind("extend()", args, ["iterable"])[0]), budget);
      for (const item of more) list.push(item);
      return null;
    },
    insert(list, args, budget) {
      const [place, item] = bind("insert()", args, ["index", "object"]);
      budget.read(list.length);
      list.splice(Number(place), 0, required("insert()", "object", item));
      return null;
    },
    pop(list, args, budget) {
      const [place = -1] = bind("pop()", args, ["index"]);
      if (!isInteger(place)) throw failure("pop() takes an integer");
      const from = Number(place) < 0 ? Number(place) + list.length : Number(place);
      const item = list[from];
      if (item === undefined) throw failure("pop index out of range");
      budget.read(list.length);
      list.splice(from, 1);
      return item;
    },
    remove(list, args, budget) {
      const wanted = required("remove()", "value", bind("remove()", args, ["value"])[0]);
      const place = list.findIndex((item) => areEqual(item, wanted, budget));
      if (place < 0) throw failure("the value is not in the list");
      list.splice(place, 1);
      return null;
    },
    reverse(list, _args, budget) {
      budget.read(list.length);
      list.reverse();
      return null;
    },
    sort(list, args, budget) {
      const [key, reverse = false] = bind("sort()", args, ["key", "reverse"]);
      if (key !== undefined && key !== null) throw failure("sort() with a key is not supported");
      const order = isTrue(reverse) ? -1 : 1;
      list.sort((a, b) => order * compareValues(a, b, budget));
      return null;
    },
  }),
);

export const dictMethods: ReadonlyMap<string, Method<Dict>> = new Map(
  Object.entries<Method<Dict>>({
    clear(dict) {
      dict.entries.clear();
      return null;
    },
    copy: (dict, _args, budget) => dictOf(dict.entries.values(), budget),
    get(dict, args, budget) {
      const [key, otherwise = null] = bind("get()", args, ["key", "default"]);
      const item = getItem(dict, required("get()", "key", key), budget);
      return item === undefined ? otherwise : item;
    },
    items: (dict) => ({ kind: "view", of: "items", dict }),
    keys: (dict) => ({ kind: "view", of: "keys", dict }),
    pop(dict, args, budget) {
      const [key, otherwise] = bind("pop()", args, ["key", "default"]);
      const wanted = required("pop()", "key", key);
      const known = getItem(dict, wanted, budget);
      const item = known === undefined ? otherwise : known;
      if (item === undefined) throw failure("the key is not in the dict");
      dict.entries.delete(dictKey(wanted, budget));
      return item;
    },
    setdefault(dict, args, budget) {
      const [key, otherwise = null] = bind("setdefault()", args, ["key", "default"]);
      const wanted = required("setdefault()", "key", key);
      const known = getItem(dict, wanted, budget);
      if (known !== undefined) return known;
      setItem(dict, wanted, otherwise, budget);
      return otherwise;
    },
    update(dict, args, budget) {
      for (const [key, value] of pairsGiven(args, budget)) setItem(dict, key, value, budget);
      return null;
    },
    values: (dict) => ({ kind: "view", of: "values", dict }),
  }),
);

/** The pairs in the arguments of `dict()` and similar functions: pairs of the first argument, and named arguments. */
export function pairsGiven({ positional, named }: Arguments, budget: Budget): (readonly [Value, Value])[] {
  const [given] = positional;
  return [...(given === undefined ? [] : pairsOf(given, budget)), ...named];
}

/** The pairs of a dict, or of a list of pairs. */
export function pairsOf(value: Value, budget: Budget): (readonly [Value, Value])[] {
  if (isUndefined(value)) return [];
  if (isDict(value)) {
    budget.spend(value.entries.size);
    return [...value.entries.values()];
  }
  return toList(value, budget).map((pair) => {
    const [key, item, ...more] = toList(pair, budget);
    if (key === undefined || item === undefined || more.length > 0)
      throw failure("an item is not a pair of a key and a value");
    return [key, item];
  });
}

export function pairTuples(pairs: readonly (readonly [Value, Value])[]): Value[] {
  return pairs.map(([key, value]) => tupleValue([key, value]));
}
