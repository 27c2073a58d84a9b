// Runs the statements of a template.
import { failure } from "../template-error.ts";
import type { FilterNode, ForNode, MacroNode, Statement, Target } from "../syntax/nodes.ts";
import type { Arguments } from "../values/arguments.ts";
import { dictOf } from "../values/dict.ts";
import { isTrue, itemsOf, toList } from "../values/operators.ts";
import { str } from "../values/text.ts";
import {
  callable,
  tupleValue,
  undefinedValue,
  valueOr,
  type Callable,
  type Namespace,
  type Value,
} from "../values/value.ts";
import { call, evaluate, evaluateArguments, evaluateFilter } from "./expressions.ts";
import { createLoop } from "./loop.ts";
import { createOutput, type Output, type Runtime } from "./runtime.ts";
import { innerScope, setName, valueOfName, type Scope } from "./scope.ts";

/** The statement that ends a list of statements early. Only loops handle a jump. */
type Jump = "break" | "continue" | undefined;

/** @throws TemplateError */
export function run(statements: readonly Statement[], scope: Scope, out: Output, runtime: Runtime): Jump {
  for (const statement of statements) {
    const jump = runOne(statement, scope, out, runtime);
    if (jump !== undefined) return jump;
  }
  return undefined;
}

function runOne(node: Statement, scope: Scope, out: Output, runtime: Runtime): Jump {
  runtime.budget.spend(1);
  switch (node.type) {
    case "break":
    case "continue":
      return node.type;
    case "if":
      return run(isTrue(evaluate(node.test, scope, runtime)) ? node.body : node.otherwise, scope, out, runtime);
    case "scope":
      return run(node.body, innerScope(scope), out, runtime);
    case "with": {
      const inner = innerScope(scope);
      const values = node.targets.map(([target, value]) => [target, evaluate(value, scope, runtime)] as const);
      for (const [target, value] of values) assign(target, value, inner, runtime);
      return run(node.body, inner, out, runtime);
    }
    case "for":
      runFor(node, evaluate(node.over, scope, runtime), 0, { scope, out, runtime });
      return undefined;
    case "set":
      assign(node.target, evaluate(node.value, scope, runtime), scope, runtime);
      return undefined;
    case "setBlock":
      assign(node.target, blockValue(node.body, node.filter, scope, runtime), scope, runtime);
      return undefined;
    case "macro":
      setName(scope, node.macro.name, createMacro(node.macro, scope, runtime));
      return undefined;
    case "text":
    case "print":
    case "callBlock":
    case "filterBlock":
      out.write(str(written(node, scope, runtime), runtime.budget));
      return undefined;
  }
}

type Writing = Extract<Statement, { type: "text" | "print" | "callBlock" | "filterBlock" }>;

function written(node: Writing, scope: Scope, runtime: Runtime): Value {
  switch (node.type) {
    case "text":
      return node.text;
    case "print":
      return evaluate(node.value, scope, runtime);
    case "filterBlock":
      return blockValue(node.body, node.filter, scope, runtime);
    case "callBlock": {
      const { positional, named } = evaluateArguments(node.call.args, scope, runtime);
      const caller = createMacro(node.caller, scope, runtime);
      const callee = evaluate(node.call.callee, scope, runtime);
      return call(callee, { positional, named: new Map([...named, ["caller", caller]]) });
    }
  }
}

function blockValue(body: readonly Statement[], filter: FilterNode | undefined, scope: Scope, runtime: Runtime): Value {
  const text = renderBody(body, innerScope(scope), runtime);
  return filter === undefined ? text : evaluateFilter(filter, text, scope, runtime);
}

function renderBody(body: readonly Statement[], scope: Scope, runtime: Runtime): string {
  const out = createOutput(runtime.budget);
  run(body, scope, out, runtime);
  return out.text();
}

function assign(target: Target, value: Value, scope: Scope, runtime: Runtime): void {
  if (target.type === "name") return setName(scope, target.name, value);
  if (target.type === "namespace") {
    const namespace = valueOfName(scope, target.name);
    if ((namespace as Namespace | null)?.kind !== "namespace") {
      throw failure("cannot assign attribute on non-namespace object");
    }
    (namespace as Namespace).attributes.set(target.attribute, value);
    return;
  }
  const items = toList(value, runtime.budget);
  if (items.length !== target.items.length) {
    throw failure(`expected ${target.items.length} values to unpack, got ${items.length}`);
  }
  for (const [i, one] of target.items.entries()) assign(one, items[i] ?? null, scope, runtime);
}

interface StatementContext {
  readonly scope: Scope;
  readonly out: Output;
  readonly runtime: Runtime;
}

function runFor(node: ForNode, over: Value, depth: number, { scope, out, runtime }: StatementContext): void {
  const loop = createLoop({
    items: itemsFor(node, over, scope, runtime)[Symbol.iterator](),
    depth,
    budget: runtime.budget,
    recurse({ positional: [inner] }) {
      if (!node.isRecursive || inner === undefined)
        throw failure("only a recursive loop can be called, with its items");
      const result = createOutput(runtime.budget);
      runtime.budget.deeper(() => runFor(node, inner, depth + 1, { scope, out: result, runtime }));
      return result.text();
    },
  });
  let isEmpty = true;
  for (let item = loop.next(); item !== undefined; item = loop.next()) {
    isEmpty = false;
    const inner = innerScope(scope);
    setName(inner, "loop", loop.state);
    assign(node.target, item, inner, runtime);
    if (run(node.body, inner, out, runtime) === "break") break;
  }
  if (isEmpty) run(node.otherwise, innerScope(scope), out, runtime);
}

function itemsFor({ target, filter }: ForNode, over: Value, scope: Scope, runtime: Runtime): Iterable<Value> {
  const items = itemsOf(over);
  return filter === undefined
    ? items
    : (function* () {
        for (const item of items) {
          const inner = innerScope(scope);
          assign(target, item, inner, runtime);
          if (isTrue(evaluate(filter, inner, runtime))) yield item;
        }
      })();
}

function createMacro(macro: MacroNode, scope: Scope, runtime: Runtime): Callable {
  return callable(macro.name, (args) =>
    runtime.budget.deeper(() => {
      const inner = innerScope(scope);
      bindParameters(macro, args, inner, runtime);
      return renderBody(macro.body, inner, runtime);
    }),
  );
}

function bindParameters(macro: MacroNode, { positional, named }: Arguments, inner: Scope, runtime: Runtime): void {
  const rest = new Map(named);
  for (const [i, { name, otherwise }] of macro.parameters.entries()) {
    const given = i < positional.length ? positional[i] : rest.get(name);
    if (i < positional.length && rest.has(name)) throw failure(`the macro ${macro.name} got "${name}" twice`);
    rest.delete(name);
    const standard = (): Value =>
      otherwise === undefined ? undefinedValue(`the parameter '${name}'`) : evaluate(otherwise, inner, runtime);
    setName(inner, name, given === undefined ? standard() : given);
  }
  if (macro.mentions.has("caller")) setName(inner, "caller", valueOr(rest.get("caller"), "the caller"));
  if (macro.mentions.has("caller")) rest.delete("caller");
  if (macro.mentions.has("kwargs")) setName(inner, "kwargs", dictOf(rest, runtime.budget));
  else if (rest.size > 0) throw failure(`the macro ${macro.name} has no argument "${[...rest.keys()].join()}"`);
  const more = positional.slice(macro.parameters.length);
  if (macro.mentions.has("varargs")) setName(inner, "varargs", tupleValue(more));
  else if (more.length > 0) throw failure(`the macro ${macro.name} takes ${macro.parameters.length} arguments at most`);
}
