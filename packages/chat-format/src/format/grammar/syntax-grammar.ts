// Prints a syntax tree as a grammar: its thoughts, its content and its calls, each separately.
import {
  type Expression,
  type GrammarBuilder,
  choice,
  empty,
  isNever,
  literal,
  never,
  oneOf,
  optional,
  repeat,
  sequence,
} from "@waggle/grammar/json-schema";
import { type CallObject, type Syntax, beginnings, hasCall } from "../syntax.ts";
import { type ToolGrammar, argumentsExpression, blanks, jsonArguments, lineBreaks } from "./arguments-grammar.ts";
import { type Saying, declaresMembers, holdsList, namesIn, says, tells } from "./syntax-facts.ts";

export interface SyntaxGrammarOptions {
  readonly builder: GrammarBuilder;
  /** Tools that may be called. */
  readonly tools: readonly ToolGrammar[];
  /** Grammar of the content; undefined: free text. */
  readonly content: Expression | undefined;
  readonly mostCalls: number;
  /** Free text up to one of these ends. */
  readonly freeText: (until: readonly string[], part: Saying) => Expression;
  /** Called if a tool's schema cannot become a grammar. Throws, or returns the tool to print instead. */
  readonly onRefused: (tool: ToolGrammar, error: unknown) => ToolGrammar;
}

/** A thought without its end marker. */
export interface OpenThought {
  readonly thought: Expression;
  /** The texts that end the thought for the reader: one of these texts has to follow. */
  readonly until: readonly string[];
}

export interface SyntaxGrammar {
  /** Prints the syntax for one part of an answer; `never` if the syntax cannot write this part. */
  print(syntax: Syntax, saying: Saying): Expression;
  /** The thoughts in the syntax that the next item can end. */
  openThoughts(syntax: Syntax): readonly OpenThought[];
  /** Prints syntax without meaning, such as a marker between two items. */
  connection(syntax: Syntax): Expression;
}

/** The tools of one rule for calls: one tool, or all tools whose calls differ only in the name. */
interface Called {
  readonly names: readonly string[];
  readonly parameters: unknown;
  readonly loose: boolean;
}

function toolOf({ names, ...tool }: Called): ToolGrammar {
  return { name: names[0] ?? "", ...tool };
}

function anyOf(texts: readonly string[]): Expression {
  return choice(...texts.map(literal));
}

/** One optional space, at places where JSON allows white space. */
const space: Expression = optional(literal(" "));
const callId: Expression = repeat(oneOf("az", "AZ", "09", "_", "-", "."), 1, 64);
/** Text in a call that the reader skips, such as ` index="1"`. */
const attributes: Expression = repeat(oneOf("az", "AZ", "09", " ", "_", "-", ".", "=", '"'), 0, 32);
/** The number after the tool's name in an id. */
const callNumber: Expression = repeat(oneOf("09"), 1, 3);

export function createSyntaxGrammar(options: SyntaxGrammarOptions): SyntaxGrammar {
  const { builder, tools, content, mostCalls } = options;
  const printed = new Map<Syntax, Map<Saying, Expression>>();

  function print(syntax: Syntax, saying: Saying): Expression {
    if (!says(syntax, saying)) return never;
    const known = printed.get(syntax) ?? new Map<Saying, Expression>();
    printed.set(syntax, known);
    const expression =
      known.get(saying) ??
      builder.rule(`a-${saying}`, saying === "call" ? calls(syntax) : write(syntax, saying, undefined));
    known.set(saying, expression);
    return expression;
  }

  /** The calls in the syntax. Each call of a list may call any tool. */
  function calls(syntax: Syntax): Expression {
    if (!holdsList(syntax)) return oneCall(syntax);
    switch (syntax.kind) {
      case "repeat":
        return repeated(oneCall(syntax.item), syntax.separator);
      case "sequence":
        return sequence(...syntax.items.map((item) => (hasCall(item) ? calls(item) : write(item, "call", undefined))));
      case "choice":
        return choice(...syntax.items.filter(hasCall).map(calls));
      case "optional":
        return calls(syntax.item);
      default:
        return oneCall(syntax);
    }
  }

  function oneCall(syntax: Syntax): Expression {
    const isAlike = ({ parameters, loose }: ToolGrammar): boolean =>
      loose && (parameters === undefined || !declaresMembers(syntax));
    const alike = namesIn(syntax) === 1 ? tools.filter(isAlike) : [];
    const each = tools
      .filter((tool) => !alike.includes(tool))
      .map((tool) => builder.rule(`call-${tool.name}`, ofTool(syntax, tool)));
    if (alike.length === 0) return choice(...each);
    const names = alike.map(({ name }) => name);
    return choice(...each, builder.rule("call", write(syntax, "call", { names, parameters: undefined, loose: true })));
  }

  function ofTool(syntax: Syntax, tool: ToolGrammar): Expression {
    const called = ({ name, ...others }: ToolGrammar): Called => ({ names: [name], ...others });
    try {
      return write(syntax, "call", called(tool));
    } catch (error) {
      return write(syntax, "call", called(options.onRefused(tool, error)));
    }
  }

  function repeated(item: Expression, separator = ""): Expression {
    const text = separator.trim();
    const between = text === "" ? blanks : sequence(blanks, literal(text), blanks);
    return sequence(item, repeat(builder.rule("next", sequence(between, item)), 0, mostCalls - 1));
  }

  /** @param tool the called tools; undefined outside of calls */
  function write(syntax: Syntax, saying: Saying, tool: Called | undefined): Expression {
    const inner = (item: Syntax): Expression => write(item, saying, tool);
    switch (syntax.kind) {
      case "literal":
        return literal(syntax.text);
      case "blank":
        return saying === "reasoning" && content !== undefined ? lineBreaks : blanks;
      case "sequence":
        return written(asWritten(syntax.items, saying), inner);
      case "choice": {
        const telling = syntax.items.filter((item) => says(item, saying));
        return choice(...(telling.length > 0 ? telling : syntax.items).map(inner));
      }
      case "optional":
        return says(syntax.item, saying) ? inner(syntax.item) : optional(inner(syntax.item));
      case "repeat":
        return repeated(inner(syntax.item), syntax.separator);
      case "text":
        return text(syntax, saying);
      case "name":
        return anyOf(tool?.names ?? []);
      case "implied-name":
        return tool?.names.some((name) => syntax.names.includes(name)) ? empty : never;
      case "id":
        if (syntax.name === undefined) return callId;
        return sequence(literal(syntax.name.open), anyOf(tool?.names ?? [""]), literal(syntax.name.close), callNumber);
      case "arguments":
        return tool === undefined ? never : argumentsExpression(builder, syntax.syntax, toolOf(tool));
      case "object":
        return tool === undefined ? never : callObject(syntax, tool);
    }
  }

  function text({ part, until }: Syntax & { kind: "text" }, saying: Saying): Expression {
    if (part === "nothing") return attributes;
    if (part !== saying) return never;
    return part === "content" && content !== undefined ? content : options.freeText(until, part);
  }

  function callObject(syntax: CallObject, tool: Called): Expression {
    const member = (key: string, value: Expression): Expression =>
      sequence(literal(`${JSON.stringify(key)}:`), space, value);
    const comma = sequence(literal(","), space);
    const id = syntax.id === undefined ? undefined : member(syntax.id, sequence(literal('"'), callId, literal('"')));
    const object = sequence(
      literal("{"),
      id === undefined ? blanks : sequence(blanks, optional(sequence(id, comma))),
      member(syntax.name, anyOf(tool.names.map((name) => JSON.stringify(name)))),
      comma,
      member(syntax.arguments, jsonArguments(builder, toolOf(tool))),
      id === undefined ? blanks : sequence(optional(sequence(comma, id)), blanks),
      literal("}"),
    );
    if (syntax.within === undefined) return object;
    const type = sequence(member("type", literal('"function"')), comma);
    return sequence(literal("{"), space, optional(type), member(syntax.within, object), blanks, literal("}"));
  }

  return {
    print,
    openThoughts: (syntax) =>
      cutThoughts(syntax).map(({ syntax: cut, until }) => ({ thought: write(cut, "reasoning", undefined), until })),
    connection: (syntax) => write(syntax, "content", undefined),
  };
}

interface CutThought {
  readonly syntax: Syntax;
  readonly until: readonly string[];
}

/** For each thought: the syntax up to the end of the thought's text, if the reader accepts the thought without the rest of the syntax. */
function cutThoughts(syntax: Syntax): readonly CutThought[] {
  switch (syntax.kind) {
    case "text":
      return syntax.part === "reasoning" ? [{ syntax, until: syntax.until }] : [];
    case "choice":
      return syntax.items.flatMap(cutThoughts);
    case "optional":
      return cutThoughts(syntax.item);
    case "sequence": {
      const least = 1 + syntax.items.findLastIndex(({ kind }) => kind !== "optional" && kind !== "blank");
      return syntax.items.flatMap((item, index) => {
        if (index + 1 < least) return [];
        const before = syntax.items.slice(0, index);
        return cutThoughts(item).map(({ syntax: cut, until }) => ({
          syntax: { kind: "sequence", items: [...before, cut] } as const,
          until,
        }));
      });
    }
    default:
      return [];
  }
}

/** Prints the items. Each name or id must be followed by one of its ends (`until`), because this text shows the reader where the name or id ends. */
function written(items: readonly Syntax[], inner: (item: Syntax) => Expression): Expression {
  const at = items.findIndex(({ kind }) => kind === "name" || kind === "id");
  const named = items[at];
  if (named === undefined || !("until" in named)) return sequence(...items.map(inner));
  const after = items.slice(at + 1);
  const rest = afterName(after, named.until, inner);
  // If no item begins with one of the ends, the end is outside of these items.
  return sequence(...items.slice(0, at + 1).map(inner), isNever(rest) ? written(after, inner) : rest);
}

function afterName(
  items: readonly Syntax[],
  until: readonly string[],
  inner: (item: Syntax) => Expression,
): Expression {
  const [first, ...others] = items;
  if (first === undefined) return empty;
  const whole = (item: Syntax): Expression => sequence(inner(item), written(others, inner));
  switch (first.kind) {
    case "blank": {
      const ending = until.includes(first.text) ? sequence(literal(first.text), written(others, inner)) : never;
      return choice(ending, afterName(others, until, inner));
    }
    case "optional":
      return choice(begins(first.item, until) ? whole(first.item) : never, afterName(others, until, inner));
    case "choice":
      return choice(...first.items.filter((item) => begins(item, until)).map(whole));
    default:
      return begins(first, until) ? whole(first) : never;
  }
}

function begins(syntax: Syntax, until: readonly string[]): boolean {
  const isTagged = syntax.kind === "arguments" && syntax.syntax.kind === "tags";
  const texts = isTagged ? [syntax.syntax.key.open] : beginnings(syntax);
  return texts?.every((text) => until.some((end) => text.startsWith(end))) === true;
}

/** Makes the optional closing markers of thoughts and calls required: the family writes these markers, although the reader does not need the markers. */
function asWritten(given: readonly Syntax[], saying: Saying): Syntax[] {
  const items = given.flatMap((item) => (item.kind === "sequence" ? item.items : [item]));
  return items.map((item, i) => {
    const closes =
      item.kind === "optional" && saying !== "content" && items.slice(0, i).some((one) => tells(one, saying));
    return closes ? item.item : item;
  });
}
