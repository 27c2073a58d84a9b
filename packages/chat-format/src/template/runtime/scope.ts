// Owns names and their values: the template's, one scope within another, and around them those of the caller.
import type { Value } from "../values/value.ts";
import { undefinedValue } from "../values/value.ts";

/** A scope sees what those around it have, also what they get later; what is set in it stays in it. */
export interface Scope {
  /** Made with the first name: most turns of a loop set few. */
  names: Map<string, Value> | undefined;
  readonly outer: Scope | undefined;
}

export function createScope(given: Map<string, Value>): Scope {
  return { names: given, outer: undefined };
}

export function innerScope(outer: Scope): Scope {
  return { names: undefined, outer };
}

/** An undefined value for an unknown name. */
export function valueOfName(scope: Scope, name: string): Value {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const value = at.names?.get(name);
    if (value !== undefined) return value;
  }
  return undefinedValue(`'${name}'`);
}

export function setName(scope: Scope, name: string, value: Value): void {
  scope.names ??= new Map();
  scope.names.set(name, value);
}
