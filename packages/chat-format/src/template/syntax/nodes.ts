// Defines the syntax tree of a parsed template: plain data.
import type { Value } from "../values/value.ts";

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
export type Arithmetic = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** Arguments of a call: by position, by name, and spread from a list or a dict. */
export interface ArgumentNodes {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly spread?: Expression;
  readonly spreadNamed?: Expression;
}

export type Expression =
  | { readonly type: "constant"; readonly value: Value }
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "list"; readonly items: readonly Expression[] }
  | { readonly type: "tuple"; readonly items: readonly Expression[] }
  | { readonly type: "dict"; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly type: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly type: "item"; readonly of: Expression; readonly key: Expression }
  | {
      readonly type: "slice";
      readonly of: Expression;
      readonly bounds: readonly [Expression | undefined, Expression | undefined, Expression | undefined];
    }
  | CallNode
  | FilterNode
  | { readonly type: "test"; readonly of: Expression; readonly name: string; readonly args: ArgumentNodes }
  | { readonly type: "not"; readonly of: Expression }
  | { readonly type: "sign"; readonly sign: "-" | "+"; readonly of: Expression }
  | { readonly type: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
      readonly type: "arithmetic";
      readonly operator: Arithmetic;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: "join"; readonly parts: readonly Expression[] }
  | {
      readonly type: "compare";
      readonly first: Expression;
      readonly rest: readonly { readonly operator: Comparison; readonly right: Expression }[];
    }
  | {
      readonly type: "choice";
      readonly test: Expression;
      readonly value: Expression;
      readonly otherwise: Expression | undefined;
    };

export interface CallNode {
  readonly type: "call";
  readonly callee: Expression;
  readonly args: ArgumentNodes;
}

/** `of` is undefined for a filter of a block. */
export interface FilterNode {
  readonly type: "filter";
  readonly of: Expression | undefined;
  readonly name: string;
  readonly args: ArgumentNodes;
}

export type Target =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "namespace"; readonly name: string; readonly attribute: string }
  | { readonly type: "tuple"; readonly items: readonly Target[] };

export interface MacroNode {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly otherwise: Expression | undefined }[];
  readonly body: readonly Statement[];
  /** Jinja's implicit names (`varargs`, `kwargs`, `caller`) in the body. Without them, additional arguments are an error. */
  readonly mentions: ReadonlySet<string>;
}

export type Statement =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "print"; readonly value: Expression }
  | {
      readonly type: "if";
      readonly test: Expression;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | ForNode
  | { readonly type: "break" | "continue" }
  | { readonly type: "set"; readonly target: Target; readonly value: Expression }
  | {
      readonly type: "setBlock";
      readonly target: Target;
      readonly filter: FilterNode | undefined;
      readonly body: readonly Statement[];
    }
  | { readonly type: "macro"; readonly macro: MacroNode }
  | { readonly type: "callBlock"; readonly call: CallNode; readonly caller: MacroNode }
  | { readonly type: "filterBlock"; readonly filter: FilterNode; readonly body: readonly Statement[] }
  | {
      readonly type: "with";
      readonly targets: readonly (readonly [Target, Expression])[];
      readonly body: readonly Statement[];
    }
  /** Statements in a separate scope: `block`, and `generation`, which marks training data. */
  | { readonly type: "scope"; readonly body: readonly Statement[] };

export interface ForNode {
  readonly type: "for";
  readonly target: Target;
  readonly over: Expression;
  readonly filter: Expression | undefined;
  readonly isRecursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}
