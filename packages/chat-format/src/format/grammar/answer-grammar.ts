// Owns the grammar of an answer: thoughts, content and calls, printed from the same tree that the reader interprets. Calls may be optional or
// required, and content may have a schema.
import {
  type Expression,
  type GrammarBuilder,
  UnsupportedSchemaError,
  choice,
  createGrammarBuilder,
  type TextRow,
  defaultGrammarLimits,
  empty,
  literal,
  never,
  optional,
  repeat,
  sequence,
} from "@waggle/grammar/json-schema";
import type { AnswerTool } from "../answer.ts";
import type { ChatFormat } from "../format.ts";
import { type ToolNames, callMarks, openersOf } from "../openings.ts";
import { type AnswerItem, beginnings, hasCall } from "../syntax.ts";
import { type ToolGrammar, blanks } from "./arguments-grammar.ts";
import { type Saying, says } from "./syntax-facts.ts";
import { type OpenThought, createSyntaxGrammar } from "./syntax-grammar.ts";

export interface GrammarTool extends AnswerTool {
  /**
   * true: the answer keeps to the tool's schema, or the request is rejected. Otherwise the grammar leaves out keywords that no grammar guarantees, and
   * an `auto` call whose schema cannot become a grammar may have any arguments. Many clients send false for each tool.
   */
  readonly strict?: boolean;
}

export interface AnswerGrammarOptions {
  readonly format: ChatFormat;
  readonly tools: readonly GrammarTool[];
  /** `auto`: calls are optional; `required`: at least one call; a name: a call of that tool. */
  readonly choice: "auto" | "required" | { readonly name: string };
  /** Whether an answer may have more than one call. */
  readonly parallel: boolean;
  /** JSON Schema of the content. */
  readonly schema?: unknown;
}

type OnLeftOut = (tool: number, pointer: string) => void;

/** Begins the grammar's second alternative, for prompts that already contain complete content: the content's markers, then an answer. */
export const promptMark = "\uFDD0";

/** Thrown for a schema that cannot become a grammar. The message is a sentence. `tool` is the index of the schema's tool. */
export class AnswerGrammarError extends Error {
  readonly tool: number | undefined;

  constructor(message: string, tool: number | undefined) {
    super(message);
    this.tool = tool;
  }
}

/** Maximum number of calls in one answer. */
const maxCalls = 8;
/** Maximum number of thoughts before an answer. */
const mostThoughts = 3;
/** Maximum number of markers without meaning before an answer, and also after an answer. */
const mostSilent = 2;
/** With more tools than this, an `auto` grammar has the schemas of strict tools only: more schemas seldom fit, and the attempt takes seconds. */
const mostSchemas = 256;
/** Length limit of the grammar. Requests may have many tools with large schemas, and the grammar has each schema once. */
const grammarChars = 4 * defaultGrammarLimits.grammarChars;

/**
 * Prints a GBNF grammar with the start rule `root`. The grammar covers the whole answer, including the beginning that the prompt already contains. A
 * mark in the grammar means its token.
 * @param onLeftOut gets what the grammar leaves out of the tools' schemas: the index of the tool, and the pointer to the keyword; "" is the schema
 * @throws AnswerGrammarError
 */
export function answerGrammar(options: AnswerGrammarOptions, onLeftOut: OnLeftOut = () => {}): string {
  const { tools, choice: wanted } = options;
  const isFree = wanted === "auto" && tools.some(mayLoosen);
  const loosened = (): string => {
    const loose = tools.map((tool) => ({ ...grammarToolOf(tool), ...(mayLoosen(tool) && { loose: true }) }));
    const text = print(options, loose, onLeftOut);
    for (const [index, tool] of tools.entries()) if (mayLoosen(tool)) onLeftOut(index, "");
    return text;
  };
  if (isFree && tools.length > mostSchemas) return loosened();
  try {
    return print(options, tools.map(grammarToolOf), onLeftOut);
  } catch (error) {
    if (!isFree || !(error instanceof AnswerGrammarError) || error.tool !== undefined) throw error;
    // All schemas together are too large. Calls without schemas are better than a rejected request.
    return loosened();
  }
}

function grammarToolOf({ name, parameters }: GrammarTool): ToolGrammar {
  return { name, parameters, loose: parameters === undefined };
}

function mayLoosen({ strict, parameters }: GrammarTool): boolean {
  return strict !== true && parameters !== undefined;
}

function print(options: AnswerGrammarOptions, tools: readonly ToolGrammar[], onLeftOut: OnLeftOut): string {
  const builder = createGrammarBuilder({ limits: { grammarChars } });
  const leftOut = options.tools.map((tool) => (mayLoosen(tool) ? builder.leaveOut(tool.parameters) : undefined));
  try {
    const { answer, said } = answerExpressions(options, tools, builder);
    const prompt = sequence(literal(promptMark), said, optional(literal(promptMark)));
    const text = builder.print(choice(answer, sequence(prompt, answer)));
    for (const [tool, pointers = []] of leftOut.entries()) for (const pointer of pointers) onLeftOut(tool, pointer);
    return text;
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) throw new AnswerGrammarError(error.message, undefined);
    throw error;
  }
}

/** `said`: the part of the answer that is in the prompt, for prompts that do not end within the answer's own syntax. */
function answerExpressions(
  { format, tools: offered, choice: wanted, parallel, schema }: AnswerGrammarOptions,
  tools: readonly ToolGrammar[],
  builder: GrammarBuilder,
): { readonly answer: Expression; readonly said: Expression } {
  const content = schema === undefined ? undefined : builder.schema(schema, "content");
  const callable = typeof wanted === "string" ? tools : tools.filter(({ name }) => name === wanted.name);
  const several = parallel && typeof wanted === "string" && format.abilities.parallelCalls;
  const openers = openersOf(format, cutNames(tools.map(({ name }) => name)));
  const marks = callMarks(format);
  // A thought may also mention the marker of thoughts.
  const thoughts = openers.filter(({ item }) => says(item.syntax, "reasoning"));
  const thoughtMarks = thoughts
    .flatMap(({ texts }) => texts.join(""))
    .join("")
    .replaceAll(/[^\uFDD1-\uFDEF]/g, "");
  const anywhere = openers.filter(({ item }) => item.at === "anywhere");
  /** Text that ends at `until`; a text of `until` that begins an item ends the text only if the item begins there. */
  const freeTextTo = (until: readonly string[], part: Saying): Expression => {
    const rows = until.flatMap((end): readonly TextRow[] => {
      const opener = anywhere.find(({ texts }) => texts.includes(end));
      if (opener !== undefined) return opener.rows.filter(([first]) => first?.includes(end));
      return format.answer.some(({ syntax }) => hasCall(syntax) && beginnings(syntax)?.includes(end)) ? [] : [[[end]]];
    });
    return builder.anyTextExcept({ anywhere: rows, marks: part === "reasoning" ? marks + thoughtMarks : marks }, part);
  };
  /** The beginnings of calls without the marker before them. */
  const callsAfter = (marker: string): TextRow[] =>
    anywhere.flatMap(({ rows }) =>
      rows.flatMap(([first = [], ...others]): TextRow[] => {
        const longer = first.filter((text) => text !== marker && text.startsWith(marker));
        return longer.length === 0 ? [] : [[longer.map((text) => text.slice(marker.length).trim()), ...others]];
      }),
    );
  const grammar = createSyntaxGrammar({
    builder,
    freeText: freeTextTo,
    tools: callable,
    content,
    mostCalls: several ? maxCalls : 1,
    onRefused(tool, error) {
      if (!(error instanceof UnsupportedSchemaError)) throw error;
      const index = offered.findIndex(({ name }) => name === tool.name);
      if (wanted === "auto" && offered[index]?.strict !== true && !tool.loose) return { ...tool, loose: true };
      throw new AnswerGrammarError(error.message, index);
    },
  });

  const items = format.answer.filter(({ syntax }) => tools.length > 0 || !hasCall(syntax));
  const print = (of: readonly AnswerItem[], saying: Saying): Expression =>
    choice(...of.map(({ syntax }) => grammar.print(syntax, saying)));
  const connections = items.filter(({ connects }) => connects === true);
  const connect = (of: readonly AnswerItem[]): Expression =>
    choice(...of.map(({ syntax }) => grammar.connection(syntax)));
  const nextAfter = (gap: Expression): Expression => sequence(gap, optional(sequence(connect(connections), gap)));
  const next = nextAfter(blanks);
  const silent = items.filter((item) => saysNothing(item) && isFirst(item, format.answer));
  const silence = (of: readonly AnswerItem[], hint: string): Expression =>
    repeat(builder.rule(hint, sequence(connect(of), blanks)), 0, mostSilent);
  const silentAnywhere = silent.filter(({ at }) => at === "anywhere");
  const lastSilence = silence(silentAnywhere, "end");
  const end = sequence(blanks, lastSilence);
  const another = builder.rule("another-call", sequence(next, print(items, "call")));
  const endOfCalls = sequence(repeat(another, 0, several ? maxCalls - 1 : 0), end);
  const text = builder.anyTextExcept(
    {
      anywhere: anywhere.flatMap(({ rows }) => rows),
      first: [
        ...openers.filter(({ item }) => item.at === "start").flatMap(({ rows }) => rows),
        ...silent.flatMap(({ syntax }) => beginnings(syntax) ?? []).flatMap(callsAfter),
      ],
      marks,
    },
    "text",
  );
  // The text has the blanks after it: blanks here could complete the beginning of a call that the text must not contain.
  const nextHere = nextAfter(empty);
  const moreContent = repeat(builder.rule("wrapped", sequence(nextHere, print(items, "content"), text)), 0, Infinity);
  const later = items.filter(({ at }) => at === "anywhere");
  const laterCalls = sequence(nextHere, builder.rule("later-call", print(later, "call")), endOfCalls);

  /** The answer without thoughts. @param first items with which the answer may begin; undefined: any item, or text */
  function sayings(first: readonly AnswerItem[] | undefined): Expression {
    const begin = first ?? items;
    const calls = sequence(print(begin, "call"), endOfCalls);
    if (wanted !== "auto") return calls;
    const wrapped = print(begin, "content");
    if (content !== undefined) {
      const answers = choice(first === undefined ? content : never, wrapped);
      return tools.length === 0 ? answers : choice(answers, calls);
    }
    const said = sequence(first === undefined ? text : sequence(wrapped, text), moreContent);
    return choice(calls, sequence(said, choice(laterCalls, lastSilence)));
  }

  /** A thought without an end marker: the beginning of the next item ends it. */
  function unended({ thought, until }: OpenThought): Expression {
    const begins = (item: AnswerItem): boolean => beginnings(item.syntax)?.every((one) => until.includes(one)) === true;
    const connected = sequence(connect(connections.filter(begins)), blanks, rest);
    return sequence(thought, blanks, choice(sayings(items.filter(begins)), connected));
  }

  const thought = builder.rule("thought", sequence(print(items, "reasoning"), content === undefined ? next : nextHere));
  // If a call or a schema is required, forbid thoughts of a model that is not known to think: its thought might never end.
  const isDue = wanted !== "auto" || content !== undefined;
  const thinks = !isDue || format.abilities.thinking !== "never";
  const rest = builder.rule("rest", sayings(undefined));
  const open = thinks ? items.flatMap(({ syntax }) => grammar.openThoughts(syntax)).map(unended) : [];
  const begin = sequence(blanks, silence(silent, "begin"), next);
  const said = sequence(blanks, optional(builder.rule("said", saidByPrompt(format, builder))), begin);
  const answer = sequence(repeat(thought, 0, thinks ? mostThoughts : 0), choice(rest, ...open));
  // An answer with a schema begins with its thought or its content, so that few tokens suffice.
  return { answer: builder.rule("answer", content === undefined ? sequence(begin, answer) : answer), said };
}

/** Limit for the characters of all tools' names, where the text after a marker is compared with them: each costs a state of an automaton. */
const maxNameChars = 256;

/** The names, or their beginnings if all names are too long. */
function cutNames(names: readonly string[]): ToolNames {
  for (let length = Math.max(...names.map((name) => name.length)); ; length = Math.floor(length / 2)) {
    const texts = [...new Set(names.map((name) => name.slice(0, length)))];
    const chars = texts.reduce((sum, text) => sum + text.length, 0);
    if (chars <= maxNameChars || length <= 1) return { texts, cut: texts.some((text) => !names.includes(text)) };
  }
}

/** The markers of complete content at the end of a prompt. An answer begins after these markers. */
function saidByPrompt({ answer }: ChatFormat, builder: GrammarBuilder): Expression {
  const silent = createSyntaxGrammar({
    ...{ builder, tools: [], content: blanks, mostCalls: 0 },
    freeText: () => blanks,
    onRefused: (tool) => tool,
  });
  return choice(...answer.map(({ syntax }) => silent.print(syntax, "content")));
}

/** Whether the reader chooses this item for a text that begins like the item: false if an earlier item has the same beginning. */
function isFirst({ syntax }: AnswerItem, answer: readonly AnswerItem[]): boolean {
  const [text] = beginnings(syntax) ?? [];
  return text !== undefined && answer.find((item) => beginnings(item.syntax)?.includes(text))?.syntax === syntax;
}

function saysNothing({ syntax, connects }: AnswerItem): boolean {
  return connects !== true && !hasCall(syntax) && !says(syntax, "reasoning") && !says(syntax, "content");
}
