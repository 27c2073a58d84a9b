// Evaluates the expressions of a template.
import { failure, overLimit } from "../template-error.ts";
import type { ArgumentNodes, Expression, FilterNode } from "../syntax/nodes.ts";
import { noArguments, type Arguments } from "../values/arguments.ts";
import { dictOf } from "../values/dict.ts";
import { compute } from "../values/numbers.ts";
import { calculate, holds, isTrue, toList, undefinedError } from "../values/operators.ts";
import { str } from "../values/text.ts";
import { isDict, isNumber, isUndefined, tupleValue, typeName, undefinedValue, type Value } from "../values/value.ts";
import { attributeOf, itemOf, sliceOf } from "./access.ts";
import { applyFilter, applyTest, type Runtime } from "./runtime.ts";
import { valueOfName, type Scope } from "./scope.ts";

/** @throws TemplateError */
export function evaluate(node: Expression, scope: Scope, runtime: Runtime): Value {
  const { budget } = runtime;
  const of = (inner: Expression): Value => evaluate(inner, scope, runtime);
  budget.spend(1);
  switch (node.type) {
    case "constant":
      return node.value;
    case "name":
      return valueOfName(scope, node.name);
    case "list":
      return node.items.map(of);
    case "tuple":
      return tupleValue(node.items.map(of));
    case "dict":
      return dictOf(
        node.pairs.map(([key, value]) => [of(key), of(value)]),
        budget,
      );
    case "attribute":
      return attributeOf(of(node.of), node.name, budget);
    case "item":
      return itemOf(of(node.of), of(node.key), budget);
    case "slice": {
      const [start, stop, step] = node.bounds.map((bound) => (bound === undefined ? null : of(bound)));
      return sliceOf(of(node.of), [start ?? null, stop ?? null, step ?? null], budget);
    }
    case "call":
      return call(of(node.callee), evaluateArguments(node.args, scope, runtime));
    case "filter":
      return evaluateFilter(node, undefined, scope, runtime);
    case "test":
      return applyTest(node.name, of(node.of), evaluateArguments(node.args, scope, runtime), runtime);
    case "not":
      return !isTrue(of(node.of));
    case "sign":
      return signed(node.sign, of(node.of));
    case "and": {
      const left = of(node.left);
      return isTrue(left) ? of(node.right) : left;
    }
    case "or": {
      const left = of(node.left);
      return isTrue(left) ? left : of(node.right);
    }
    case "arithmetic":
      return calculate(node.operator, of(node.left), of(node.right), budget);
    case "join": {
      const text = node.parts.map((part) => str(of(part), budget)).join("");
      budget.text(text.length);
      return text;
    }
    case "compare": {
      let left = of(node.first);
      for (const { operator, right } of node.rest) {
        const next = of(right);
        if (!holds(operator, left, next, budget)) return false;
        left = next;
      }
      return true;
    }
    case "choice":
      if (isTrue(of(node.test))) return of(node.value);
      return node.otherwise === undefined ? undefinedValue("a choice without an else") : of(node.otherwise);
  }
}

function signed(sign: "-" | "+", value: Value): Value {
  if (isUndefined(value)) throw undefinedError(value);
  if (!isNumber(value)) throw failure(`a ${typeName(value)} has no sign`);
  return compute("*", value, sign === "-" ? -1 : 1);
}

/** @param block the text of a `filter` block, which replaces the expression of the innermost filter */
export function evaluateFilter(node: FilterNode, block: Value | undefined, scope: Scope, runtime: Runtime): Value {
  runtime.budget.spend(1);
  const inner = node.of;
  const value =
    inner === undefined
      ? (block ?? "")
      : inner.type === "filter"
        ? evaluateFilter(inner, block, scope, runtime)
        : evaluate(inner, scope, runtime);
  return applyFilter(node.name, value, evaluateArguments(node.args, scope, runtime), runtime);
}

export function evaluateArguments(nodes: ArgumentNodes, scope: Scope, runtime: Runtime): Arguments {
  const { positional, named, spread, spreadNamed } = nodes;
  if (positional.length === 0 && named.length === 0 && spread === undefined && spreadNamed === undefined) {
    return noArguments;
  }
  const values = positional.map((one) => evaluate(one, scope, runtime));
  const byName = new Map(named.map(([name, one]) => [name, evaluate(one, scope, runtime)]));
  if (spread !== undefined) values.push(...toList(evaluate(spread, scope, runtime), runtime.budget));
  if (values.length > maxArguments) throw overLimit(`it passes more than ${maxArguments} arguments`);
  if (spreadNamed !== undefined) {
    const given = evaluate(spreadNamed, scope, runtime);
    if (!isDict(given)) throw failure("the value after ** must be a dict");
    runtime.budget.spend(given.entries.size);
    for (const [key, value] of given.entries.values()) byName.set(str(key, runtime.budget), value);
  }
  return { positional: values, named: byName };
}

/** Maximum number of arguments of a call; JavaScript's limit is not much higher. */
const maxArguments = 10_000;

export function call(callee: Value, args: Arguments): Value {
  if (callee !== null && typeof callee === "object" && !Array.isArray(callee)) {
    if (callee.kind === "callable" || callee.kind === "loop") return callee.call(args);
    if (callee.kind === "undefined") throw undefinedError(callee);
  }
  throw failure(`'${typeName(callee)}' object is not callable`);
}
