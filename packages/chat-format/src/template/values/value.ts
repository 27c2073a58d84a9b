// Defines a template's values. Like Python's values, they distinguish 1 from 1.0, and lists from tuples.
import type { Arguments } from "./arguments.ts";

/** A safe integer is a number, a larger integer is a bigint. A number with a fraction or an exponent is a Float. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Value[]
  | Float
  | Tuple
  | Dict
  | DictView
  | Range
  | Sequence
  | Callable
  | Namespace
  | LoopState
  | Undefined;

export interface Float {
  readonly kind: "float";
  readonly value: number;
}

export interface Tuple {
  readonly kind: "tuple";
  readonly items: readonly Value[];
}

/** A dict's key. Keys that are equal in Python, such as 1, 1.0 and True, are the same key. */
export type Key = string | number | bigint | symbol | null;

export interface Dict {
  readonly kind: "dict";
  readonly entries: Map<Key, readonly [Value, Value]>;
}

/** The result of `keys()`, `values()` and `items()`, which shows later changes of the dict. */
export interface DictView {
  readonly kind: "view";
  readonly of: "keys" | "values" | "items";
  readonly dict: Dict;
}

export interface Range {
  readonly kind: "range";
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** A generator: its items can be read once. */
export interface Sequence {
  readonly kind: "sequence";
  readonly items: Iterator<Value, undefined>;
}

export interface Callable {
  readonly kind: "callable";
  readonly name: string;
  readonly call: (args: Arguments) => Value;
}

export interface Namespace {
  readonly kind: "namespace";
  readonly attributes: Map<string, Value>;
}

/** An object of Jinja, such as `loop`, whose attributes are computed when they are read. */
export interface LoopState {
  readonly kind: "loop";
  readonly attribute: (name: string) => Value;
  readonly call: (args: Arguments) => Value;
}

export interface Undefined {
  readonly kind: "undefined";
  /** Names the variable or attribute without a value, for error messages. */
  readonly what: string;
}

export function undefinedValue(what: string): Undefined {
  return { kind: "undefined", what };
}

/** Returns the value, which may be null. Replaces `undefined` with an undefined value of the template. */
export function valueOr(value: Value | undefined, what: string): Value {
  return value === undefined ? undefinedValue(what) : value;
}

export function floatValue(value: number): Float {
  return { kind: "float", value };
}

export function tupleValue(items: readonly Value[]): Tuple {
  return { kind: "tuple", items };
}

export function sequenceOf(items: Iterable<Value>): Sequence {
  return { kind: "sequence", items: items[Symbol.iterator]() as Iterator<Value, undefined> };
}

export function callable(name: string, call: (args: Arguments) => Value): Callable {
  return { kind: "callable", name, call };
}

/** @param what names the object in error messages */
export function loopState(
  what: string,
  attributes: Readonly<Record<string, () => Value>>,
  call: LoopState["call"],
): LoopState {
  return {
    kind: "loop",
    attribute(name) {
      const read = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
      return read === undefined ? undefinedValue(`the attribute ${JSON.stringify(name)} of a ${what}`) : read();
    },
    call,
  };
}

/** A value's kind. Plain values have the names of Python's types. */
export function valueKind(
  value: Value,
): "none" | "bool" | "int" | "str" | "list" | Extract<Value, { kind: string }>["kind"] {
  switch (typeof value) {
    case "string":
      return "str";
    case "number":
    case "bigint":
      return "int";
    case "boolean":
      return "bool";
    default:
      return value === null ? "none" : Array.isArray(value) ? "list" : value.kind;
  }
}

export function isUndefined(value: Value): value is Undefined {
  return valueKind(value) === "undefined";
}

export function isDict(value: Value): value is Dict {
  return valueKind(value) === "dict";
}

export function isFloat(value: Value): value is Float {
  return valueKind(value) === "float";
}

/** Whether the value is an integer in Python, where booleans are integers. */
export function isInteger(value: Value): value is number | bigint | boolean {
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
}

export function isNumber(value: Value): value is number | bigint | boolean | Float {
  return isInteger(value) || isFloat(value);
}

const typeNames: Partial<Record<ReturnType<typeof valueKind>, string>> = {
  none: "NoneType",
  sequence: "generator",
  callable: "function",
  namespace: "Namespace",
  loop: "LoopContext",
  undefined: "Undefined",
};

/** The name of the value's type, as in Python's error messages. */
export function typeName(value: Value): string {
  const kind = valueKind(value);
  if (kind === "view") return `dict_${(value as DictView).of}`;
  return typeNames[kind] ?? kind;
}
