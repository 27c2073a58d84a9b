// Defines the functions that every template can call: Jinja's globals, and the two functions that transformers adds.
import type { Budget } from "../budget.ts";
import { maxRangeItems } from "../limits.ts";
import { TemplateError, failure } from "../template-error.ts";
import { bind, type Arguments } from "../values/arguments.ts";
import { dictOf } from "../values/dict.ts";
import { str } from "../values/text.ts";
import { callable, isInteger, loopState, typeName, type LoopState, type Value } from "../values/value.ts";
import { pairsGiven } from "./container-methods.ts";
import { strftime } from "./strftime.ts";
import { textArgument } from "./text-methods.ts";

export function createGlobals(budget: Budget, now: () => Date): ReadonlyMap<string, Value> {
  const functions: Readonly<Record<string, (args: Arguments) => Value>> = {
    range,
    dict: (args) => dictOf(pairsGiven(args, budget), budget),
    namespace: (args) => ({
      kind: "namespace",
      attributes: new Map(pairsGiven(args, budget).map(([key, value]) => [str(key, budget), value])),
    }),
    cycler: ({ positional }) => cycler(positional),
    joiner: (args) => joiner(bind("joiner()", args, ["sep"])[0] ?? ", "),
    raise_exception(args) {
      const [message = ""] = bind("raise_exception()", args, ["message"]);
      throw new TemplateError("refused", str(message, budget));
    },
    strftime_now(args) {
      const [format] = bind("strftime_now()", args, ["format"]);
      const text = textArgument("strftime_now()", format);
      budget.text(text.length * maxDateGrowth);
      return strftime(now(), text);
    },
  };
  return new Map(Object.entries(functions).map(([name, call]) => [name, callable(name, call)]));
}

/** A date has at most this many characters for each character of its format: `%c` becomes 24 characters. */
const maxDateGrowth = 12;

function range({ positional, named }: Arguments): Value {
  if (named.size > 0 || positional.length === 0 || positional.length > 3)
    throw failure("range() takes 1 to 3 arguments");
  const numbers = positional.map((value) => {
    if (!isInteger(value)) throw failure(`range() takes integers, not ${typeName(value)}`);
    return Number(value);
  });
  const [start = 0, stop = 0, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  if (step === 0) throw failure("range() needs a step that is not zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > maxRangeItems) throw new TemplateError("limit", `a range has more than ${maxRangeItems} items`);
  return { kind: "range", start, step, length };
}

function cycler(items: readonly Value[]): LoopState {
  if (items.length === 0) throw failure("cycler() needs items");
  let place = 0;
  const current = (): Value => items[place] ?? null;
  const next = callable("next", () => {
    const item = current();
    place = (place + 1) % items.length;
    return item;
  });
  const reset = callable("reset", () => {
    place = 0;
    return null;
  });
  return loopState("cycler", { current, next: () => next, reset: () => reset }, () => {
    throw failure("a cycler cannot be called");
  });
}

function joiner(separator: Value): Value {
  let isFirst = true;
  return callable("joiner", () => {
    const text = isFirst ? "" : separator;
    isFirst = false;
    return text;
  });
}
