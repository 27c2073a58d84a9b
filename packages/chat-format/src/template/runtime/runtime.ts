// Defines the state that all parts of one rendering share.
import type { Budget } from "../budget.ts";
import { failure, unsupported } from "../template-error.ts";
import { noArguments, type Arguments } from "../values/arguments.ts";
import { isTrue } from "../values/operators.ts";
import type { Value } from "../values/value.ts";

export type Filter = (value: Value, args: Arguments, runtime: Runtime) => Value;
export type Test = (value: Value, args: Arguments, runtime: Runtime) => boolean;

export interface Runtime {
  readonly budget: Budget;
  readonly filters: ReadonlyMap<string, Filter>;
  readonly tests: ReadonlyMap<string, Test>;
}

/** The text that a template or a part of a template has written so far. */
export interface Output {
  write(text: string): void;
  text(): string;
}

export function createOutput(budget: Budget): Output {
  const grow = budget.growingText();
  let written = "";
  return {
    write(text) {
      grow(text.length);
      written += text;
    },
    text: () => written,
  };
}

/** Jinja's filters that no model's template uses. */
const foreignFilters: ReadonlySet<string> = new Set([
  ...["filesizeformat", "groupby", "pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"],
]);

/** @throws TemplateError failed, unsupported, limit */
export function applyFilter(name: string, value: Value, args: Arguments, runtime: Runtime): Value {
  const filter = runtime.filters.get(name);
  if (filter !== undefined) return filter(value, args, runtime);
  throw foreignFilters.has(name)
    ? unsupported(`the filter "${name}" is not supported`)
    : failure(`no filter "${name}"`);
}

/** @throws TemplateError failed, limit */
export function applyTest(name: string, value: Value, args: Arguments, runtime: Runtime): boolean {
  const test = runtime.tests.get(name);
  if (test === undefined) throw failure(`no test "${name}"`);
  return test(value, args, runtime);
}

/** The test that a filter such as `select` names in its arguments; without a name, whether the value is true. */
export function namedTest(args: Arguments, runtime: Runtime): (value: Value) => boolean {
  const [name, ...positional] = args.positional;
  if (name === undefined) return isTrue;
  if (typeof name !== "string") throw failure("the name of a test must be a text");
  const rest = positional.length === 0 && args.named.size === 0 ? noArguments : { positional, named: args.named };
  return (value) => applyTest(name, value, rest, runtime);
}
