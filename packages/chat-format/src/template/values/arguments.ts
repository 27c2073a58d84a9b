// Owns the arguments of a call, by position and by name, and binds them as Python does.
import { failure } from "../template-error.ts";
import type { Value } from "./value.ts";

export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export const noArguments: Arguments = { positional: [], named: new Map() };

/**
 * Returns the arguments in the order of these names; absent arguments are `undefined`.
 * @throws TemplateError failed for too many arguments, unknown names, and arguments that are given twice
 */
export function bind(what: string, args: Arguments, names: readonly string[]): (Value | undefined)[] {
  const { positional, named } = args;
  if (positional.length > names.length) {
    throw failure(`${what} takes ${names.length} arguments but ${positional.length} were given`);
  }
  const bound: (Value | undefined)[] = [...positional];
  for (const [name, value] of named) {
    const place = names.indexOf(name);
    if (place < 0) throw failure(`${what} has no argument "${name}"`);
    if (bound[place] !== undefined) throw failure(`${what} got "${name}" twice`);
    bound[place] = value;
  }
  return bound;
}

/** @throws TemplateError failed if the argument is absent */
export function required(what: string, name: string, value: Value | undefined): Value {
  if (value === undefined) throw failure(`${what} needs the argument "${name}"`);
  return value;
}
