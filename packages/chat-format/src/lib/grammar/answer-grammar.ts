// Owns the grammar of an answer: thoughts, text and calls as the reader reads them, printed from the same tree. One grammar serves a free
// choice of tools, a call that is due, and content that follows a schema.
import {
  type Expression,
  type GrammarBuilder,
  UnsupportedSchemaError,
  choice,
  createGrammarBuilder,
  defaultGrammarLimits,
  literal,
  optional,
  repeat,
  sequence,
} from "@waggle/json-grammar";
import type { AnswerTool } from "../answer-part.ts";
import type { ChatFormat } from "../format.ts";
import { type AnswerItem, type Syntax, beginnings, hasCall } from "../syntax.ts";
import { type ToolGrammar, blanks } from "./arguments-grammar.ts";
import { type Saying, createSyntaxGrammar, says } from "./syntax-grammar.ts";

export interface GrammarTool extends AnswerTool {
  /** true: its schema is kept or the request refused; false: any arguments; absent: kept, but where only an `auto` call cannot have it. */
  readonly strict?: boolean;
}

export interface AnswerGrammarOptions {
  readonly format: ChatFormat;
  readonly tools: readonly GrammarTool[];
  /** `required`: at least one call; a name: a call of that tool. */
  readonly choice: "auto" | "required" | { readonly name: string };
  /** More than one call. */
  readonly parallel: boolean;
  /** JSON Schema of the content. */
  readonly schema?: unknown;
}

/** Where an answer's grammar is begun with this, a prompt has said what no model says first: a thought's end alone, or content's beginning. */
export const promptMark = "\uFDD0";

/** A schema cannot be had. The message is a sentence; `tool` is whose parameters it is about, counted from 0. */
export class AnswerGrammarError extends Error {
  readonly tool: number | undefined;

  constructor(message: string, tool: number | undefined) {
    super(message);
    this.tool = tool;
  }
}

/** Calls in one answer, at most. */
const maxCalls = 8;
/** Thoughts before an answer, at most. */
const mostThoughts = 3;
/** Markers that say nothing, of a prompt. */
const mostSilent = 2;
/** Many tools have large schemas, and each stands in the grammar once. */
const grammarChars = 4 * defaultGrammarLimits.grammarChars;

/**
 * GBNF, its start the rule `root`. It begins where an answer begins: what a prompt has said of the answer comes first. A mark in it stands for
 * the token that it is the mark of.
 * @throws AnswerGrammarError
 */
export function answerGrammar(options: AnswerGrammarOptions): string {
  const { tools, choice: wanted } = options;
  try {
    return print(options, tools.map(grammarToolOf));
  } catch (error) {
    const mayLoosen = wanted === "auto" && error instanceof AnswerGrammarError && error.tool === undefined;
    if (!mayLoosen || !tools.some(isLoose)) throw error;
    // Together they are too large. Valid JSON is better than no tools at all.
    return print(
      options,
      tools.map((tool) => (isLoose(tool) ? withoutSchema(tool.name) : grammarToolOf(tool))),
    );
  }
}

function grammarToolOf({ name, parameters, strict }: GrammarTool): ToolGrammar {
  return { name, parameters: strict === false ? undefined : parameters };
}

function isLoose({ strict, parameters }: GrammarTool): boolean {
  return strict !== true && parameters !== undefined;
}

function withoutSchema(name: string): ToolGrammar {
  return { name, parameters: undefined };
}

function print(options: AnswerGrammarOptions, tools: readonly ToolGrammar[]): string {
  // What stands in a programming language's quotes is read as JSON where both agree.
  const escapes = options.format.answer.some(({ syntax }) => hasValues(syntax)) ? "fewest" : "any";
  const builder = createGrammarBuilder({ limits: { grammarChars }, escapes });
  try {
    const answer = builder.rule("answer", answerExpression(options, tools, builder));
    const said = builder.rule("said", saidByPrompt(options.format, builder));
    return builder.print(choice(answer, sequence(literal(promptMark), blanks, said, blanks, answer)));
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) throw new AnswerGrammarError(error.message, undefined);
    throw error;
  }
}

function answerExpression(
  { format, tools: offered, choice: wanted, parallel, schema }: AnswerGrammarOptions,
  tools: readonly ToolGrammar[],
  builder: GrammarBuilder,
): Expression {
  const content = schema === undefined ? undefined : builder.schema(schema, "content");
  const callable = typeof wanted === "string" ? tools : tools.filter(({ name }) => name === wanted.name);
  const several = parallel && typeof wanted === "string" && format.abilities.parallelCalls;
  const grammar = createSyntaxGrammar({
    builder,
    tools: callable,
    content,
    mostCalls: several ? maxCalls : 1,
    onRefused(tool, error) {
      if (!(error instanceof UnsupportedSchemaError)) throw error;
      const index = offered.findIndex(({ name }) => name === tool.name);
      if (wanted === "auto" && offered[index]?.strict !== true && tool.parameters !== undefined)
        return withoutSchema(tool.name);
      throw new AnswerGrammarError(error.message, index);
    },
  });

  const items = format.answer.filter(({ syntax }) => tools.length > 0 || !hasCall(syntax));
  const print = (of: readonly AnswerItem[], saying: Saying): Expression =>
    choice(...of.map(({ syntax }) => grammar.print(syntax, saying)));
  const connections = items.filter(({ connects }) => connects === true).map(({ syntax }) => grammar.connection(syntax));
  const next = sequence(blanks, optional(sequence(choice(...connections), blanks)));
  const thought = builder.rule("thought", sequence(print(items, "reasoning"), next));
  // A due answer of a model that is not known to think has no room for a thought without an end.
  const isDue = wanted !== "auto" || content !== undefined;
  const most = isDue && format.abilities.thinking === "never" ? 0 : mostThoughts;
  const thoughts = sequence(next, repeat(thought, 0, most));
  const call = builder.rule("call", print(items, "call"));
  const moreCalls = repeat(builder.rule("another-call", sequence(next, call)), 0, several ? maxCalls - 1 : 0);
  const calls = sequence(call, moreCalls, blanks);
  if (wanted !== "auto") return sequence(thoughts, calls);
  const wrapped = print(items, "content");
  if (content !== undefined) {
    const answers = choice(content, wrapped);
    return sequence(thoughts, tools.length === 0 ? answers : choice(answers, calls), blanks);
  }
  const text = freeText(builder, items);
  const said = sequence(text, repeat(builder.rule("wrapped", sequence(next, wrapped, text)), 0, Infinity));
  const later = items.filter(({ at }) => at === "anywhere");
  const laterCalls = sequence(next, builder.rule("later-call", print(later, "call")), moreCalls, blanks);
  return sequence(thoughts, choice(calls, sequence(said, optional(laterCalls))));
}

/** Of a prompt, such that an answer begins anew behind it. */
function saidByPrompt({ answer }: ChatFormat, builder: GrammarBuilder): Expression {
  const silent = createSyntaxGrammar({ builder, tools: [], content: blanks, mostCalls: 0, onRefused: (tool) => tool });
  const markers = builder.rule(
    "silent",
    choice(...answer.filter(saysNothing).map(({ syntax }) => silent.connection(syntax))),
  );
  const content = answer.map(({ syntax }) => silent.print(syntax, "content"));
  return choice(repeat(markers, 1, mostSilent), ...content);
}

/** Text in which the reader finds no item. */
function freeText(builder: GrammarBuilder, items: readonly AnswerItem[]): Expression {
  const anywhere = items.filter(({ at }) => at === "anywhere").flatMap(({ syntax }) => beginnings(syntax) ?? []);
  const first = items.filter(({ at }) => at === "start").flatMap(({ syntax }) => firstRows(syntax));
  return builder.anyTextExcept({ anywhere, first }, "text");
}

function saysNothing({ syntax, connects }: AnswerItem): boolean {
  return connects !== true && !hasCall(syntax) && !says(syntax, "reasoning") && !says(syntax, "content");
}

/** What the item begins with, each in a row of texts. A bare object is a call by its first member. */
function firstRows(syntax: Syntax): string[][] {
  if (syntax.kind !== "object") return (beginnings(syntax) ?? []).map((text) => [text]);
  const members = [syntax.name, syntax.arguments, syntax.id, syntax.within, "type"].filter(
    (name) => name !== undefined,
  );
  return [...members].map((name) => ["{", JSON.stringify(name)]);
}

function hasValues(syntax: Syntax): boolean {
  switch (syntax.kind) {
    case "arguments":
      return syntax.syntax.kind === "values";
    case "sequence":
    case "choice":
      return syntax.items.some(hasValues);
    case "optional":
    case "repeat":
      return hasValues(syntax.item);
    default:
      return false;
  }
}
