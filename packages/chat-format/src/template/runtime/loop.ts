// Owns the variable `loop` of a template's loops. Reads items ahead only if the template uses them, since the body of the loop may change the
// next items.
import type { Budget } from "../budget.ts";
import { failure } from "../template-error.ts";
import type { Arguments } from "../values/arguments.ts";
import { areEqual } from "../values/operators.ts";
import { callable, loopState, valueOr, type LoopState, type Value } from "../values/value.ts";

export interface Loop {
  readonly state: LoopState;
  /** Moves to the next item and returns it; `undefined` after the last item. */
  next(): Value | undefined;
}

/** Steps for each item of a loop: an item costs more time than a node. */
const stepsPerItem = 4;

export interface LoopOptions {
  readonly items: Iterator<Value>;
  /** Number of recursive loops around this loop. */
  readonly depth: number;
  /** Runs `loop(…)`, which repeats a recursive loop with other items. */
  readonly recurse: (args: Arguments) => Value;
  readonly budget: Budget;
}

export function createLoop({ items, depth, recurse, budget }: LoopOptions): Loop {
  /** Items that were read ahead. */
  let ahead: Value[] = [];
  /** Number of items in `ahead` that the loop has passed. */
  let passed = 0;
  let index = -1;
  let [previous, current]: (Value | undefined)[] = [];
  let lastSeen: readonly Value[] | undefined;
  let isOver = false;

  function pull(): Value | undefined {
    budget.spend(stepsPerItem);
    const next = isOver ? undefined : items.next();
    if (next === undefined || next.done === true) {
      isOver = true;
      return undefined;
    }
    return next.value;
  }

  function peek(): Value | undefined {
    if (passed === ahead.length) {
      const next = pull();
      if (next !== undefined) ahead.push(next);
    }
    return ahead[passed];
  }

  function remaining(): number {
    for (let next = pull(); next !== undefined; next = pull()) ahead.push(next);
    return ahead.length - passed;
  }

  function changed({ positional }: Arguments): boolean {
    const seen = lastSeen;
    lastSeen = positional;
    return seen === undefined || !areEqual([...seen], [...positional], budget);
  }

  function cycle({ positional }: Arguments): Value {
    const item = positional[index % positional.length];
    if (item === undefined) throw failure("loop.cycle() needs items");
    return item;
  }

  const attributes: Readonly<Record<string, () => Value>> = {
    index: () => index + 1,
    index0: () => index,
    first: () => index === 0,
    last: () => peek() === undefined,
    length: () => index + 1 + remaining(),
    revindex: () => remaining() + 1,
    revindex0: remaining,
    previtem: () => valueOr(previous, "the item before the first"),
    nextitem: () => valueOr(peek(), "the item after the last"),
    depth: () => depth + 1,
    depth0: () => depth,
    changed: () => callable("changed", changed),
    cycle: () => callable("cycle", cycle),
  };

  return {
    state: loopState("loop", attributes, recurse),
    next() {
      const next = peek();
      if (passed + 1 < ahead.length) passed += 1;
      else [ahead, passed] = [[], 0];
      index += 1;
      previous = current;
      current = next;
      return next;
    },
  };
}
