// Owns the names of a template and their values, in nested scopes. The outermost scope has the caller's values.
import { undefinedValue, type Value } from "../values/value.ts";

/** A scope sees all names of its outer scopes, including names that are set later. Names that are set in a scope stay in this scope. */
export interface Scope {
  /** Created with the first name, since most scopes set no name. */
  names: Map<string, Value> | undefined;
  readonly outer: Scope | undefined;
}

export function createScope(given: Map<string, Value>): Scope {
  return { names: given, outer: undefined };
}

export function innerScope(outer: Scope): Scope {
  return { names: undefined, outer };
}

/** Returns an undefined value for an unknown name. */
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
