// Owns what llama.cpp expects of answers to its chat templates: cases recorded from its own tests, and how an answer is held against one.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { AnswerTool } from "../format/answer.ts";

/** A call that is expected. `argumentsText` stands in place of `arguments` where a partial text breaks off inside them. */
export interface ExpectedCall {
  readonly name: string;
  readonly arguments?: unknown;
  readonly argumentsText?: string;
  /** The model's own, where its format has one; llama.cpp compares it, `matches` does not. */
  readonly id?: string;
}

/** What a whole text should be read as; absent parts are empty. */
export interface ExpectedAnswer {
  readonly reasoning?: string;
  readonly content?: string;
  readonly calls?: readonly ExpectedCall[];
}

/** What a reader made of a text. `arguments` is JSON text. */
export interface ReadAnswer {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** A text that a model says after a prompt, and what it means. */
export interface AnswerCase {
  /** Unique. Of a recorded case: template and line in tests/test-chat.cpp. */
  readonly name: string;
  /** File name in llama.cpp's models/templates, without `.jinja`. */
  readonly template: string;
  readonly tools: readonly AnswerTool[];
  /** The end of the rendered prompt, generation prompt included: where the answer begins. */
  readonly promptTail: string;
  readonly text: string;
  readonly expected: ExpectedAnswer;
}

/** A check of tests/test-chat.cpp that passes. Its `promptTail` begins with the user's last message and has 200 characters at most. */
export interface LlamaCase extends AnswerCase {
  /** Absent: one user's turn, "Hey there!". */
  readonly messages?: readonly unknown[];
  /** As llama.cpp's API takes it. */
  readonly toolChoice: "auto" | "required" | "none";
  readonly parallel: boolean;
  /** `enable_thinking`. */
  readonly thinking: boolean;
  /** JSON Schema that the content follows. */
  readonly schema?: unknown;
  /** The text breaks off. */
  readonly partial: boolean;
  /** The conversation ends with the assistant's own turn, whose content or thought goes on; it is in the prompt. */
  readonly continued?: "content" | "reasoning";
  /** What llama.cpp counts as the answer's although the prompt says it. It is not part of `expected`. */
  readonly said?: { readonly reasoning?: string; readonly content?: string };
  /**
   * What the test expects where it asks to leave thoughts inside the content (reasoning_format none). `expected` is then what
   * llama.cpp reads from the same text when it may tell them apart, since a reader here always does.
   */
  readonly inlineThoughts?: ExpectedAnswer;
  /** What llama.cpp puts before the text when it reads: the end of `promptTail`. */
  readonly generationPrompt: string;
  /** Texts of control tokens that llama.cpp lets through. */
  readonly preservedTokens: readonly string[];
}

/** What llama.cpp says of a template; the fields after `format` are its capabilities. */
export interface LlamaTemplate {
  /** Its parser was derived by comparing renderings. Otherwise `handler` names the code that was written for the family. */
  readonly derived: boolean;
  readonly handler?: string;
  /** For derived ones: how calls and thoughts are told apart. */
  readonly calls?: "none" | "json_native" | "tag_with_json" | "tag_with_tagged";
  readonly thoughts?: string;
  readonly format: string;
  readonly tools: boolean;
  readonly toolCalls: boolean;
  readonly parallelCalls: boolean;
  readonly systemRole: boolean;
  readonly stringContent: boolean;
  readonly typedContent: boolean;
  readonly objectArguments: boolean;
  readonly reasoningEffort: boolean;
  readonly preserveReasoning: boolean;
  readonly thinking: boolean;
  /** `enable_thinking` changes the prompt. */
  readonly switchable: boolean;
  readonly thought?: { readonly open: string; readonly close: readonly string[] };
  readonly generationPrompt: GenerationPrompts;
  /** Where tools change it. */
  readonly generationPromptWithTools?: GenerationPrompts;
  readonly preservedTokens: readonly string[];
  readonly stops?: readonly string[];
  /** What switches the grammar on under tool_choice auto. */
  readonly lazyTriggers: readonly string[];
}

interface GenerationPrompts {
  readonly thinking: string;
  readonly notThinking: string;
}

interface Recorded {
  readonly tools: Readonly<Record<string, AnswerTool>>;
  readonly templates: Readonly<Record<string, LlamaTemplate>>;
  readonly cases: readonly RecordedCase[];
}

type Defaults = "tools" | "toolChoice" | "parallel" | "thinking" | "partial" | "generationPrompt" | "preservedTokens";
type RecordedCase = Omit<LlamaCase, Defaults> & Partial<Omit<LlamaCase, "tools">> & { readonly tools?: string[] };

/**
 * llama.cpp's own expectations, 461 cases over 58 of its 70 templates, and what it says of all 70. Source: tests/test-chat.cpp of
 * llama.cpp v0.5.0 (the release that node-llama-cpp 3.22.1 carries), MIT License.
 *
 * To record them again: compile a copy of that test against the release's libllama-common, in which the test builder's `run` catches
 * a failed check and, when all of `test_peg_parser` passed, writes inputs, `common_chat_templates_apply`'s result and the expectation
 * as a line of JSON. Beside that, parse the empty text (`said`), and the same text with reasoning_format auto (`inlineThoughts` where
 * that differs). The templates' rows are `common_chat_templates_apply` and `common_chat_templates_get_caps` with and without tools
 * and thinking; the handler's name is in the debug log. Then leave out what is at its default, and cut the prompts.
 */
export function llamaCases(): {
  readonly cases: readonly LlamaCase[];
  readonly templates: ReadonlyMap<string, LlamaTemplate>;
} {
  const recorded = JSON.parse(readFileSync(new URL("llama-cases.json", import.meta.url), "utf8")) as Recorded;
  return {
    cases: recorded.cases.map((each) => completed(each, recorded)),
    templates: new Map(Object.entries(recorded.templates)),
  };
}

function completed(recorded: RecordedCase, { tools, templates }: Recorded): LlamaCase {
  const template = templates[recorded.template];
  if (!template) throw new Error(`Case ${recorded.name} is of an unknown template`);
  const thinking = recorded.thinking ?? true;
  const prompts = (recorded.tools && template.generationPromptWithTools) ?? template.generationPrompt;
  return {
    toolChoice: "auto",
    parallel: false,
    partial: false,
    generationPrompt: thinking ? prompts.thinking : prompts.notThinking,
    preservedTokens: template.preservedTokens,
    ...recorded,
    thinking,
    tools: (recorded.tools ?? []).map((name) => {
      const tool = tools[name];
      if (!tool) throw new Error(`Case ${recorded.name} has an unknown tool ${name}`);
      return tool;
    }),
  };
}

/**
 * llama.cpp's rule: reasoning and content are equal without blanks at their ends, calls equal in number and order, by name and by
 * arguments as JSON. Arguments that break off are not compared.
 */
export function matches(expected: ExpectedAnswer, read: ReadAnswer): boolean {
  const calls = expected.calls ?? [];
  return (
    read.reasoning.trim() === (expected.reasoning ?? "").trim() &&
    read.content.trim() === (expected.content ?? "").trim() &&
    read.calls.length === calls.length &&
    calls.every((call, index) => {
      const other = read.calls[index];
      if (!other || other.name !== call.name) return false;
      return "argumentsText" in call || isDeepStrictEqual(parsed(other.arguments), call.arguments);
    })
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Reads a case's text, given in these pieces. What it throws counts as a case not read. */
export type ReadCase<C extends AnswerCase> = (answer: C, pieces: readonly string[]) => ReadAnswer;

export interface Score {
  total: number;
  /** Read rightly when the text comes at once. */
  whole: number;
  /** Read rightly when it comes one character at a time. */
  byCharacters: number;
}

/** Per template in the order of the cases, and over all under "all". `failed` has the names of cases missed either way. */
export function scoreCases<C extends AnswerCase>(
  cases: readonly C[],
  read: ReadCase<C>,
): { readonly scores: ReadonlyMap<string, Score>; readonly failed: readonly string[] } {
  const scores = new Map<string, Score>([["all", { total: 0, whole: 0, byCharacters: 0 }]]);
  const failed: string[] = [];
  for (const each of cases) {
    const whole = isRead(each, [each.text], read);
    const byCharacters = isRead(each, [...each.text], read);
    if (!whole || !byCharacters) failed.push(each.name);
    for (const key of ["all", each.template]) {
      const score = scores.get(key) ?? { total: 0, whole: 0, byCharacters: 0 };
      score.total += 1;
      score.whole += whole ? 1 : 0;
      score.byCharacters += byCharacters ? 1 : 0;
      scores.set(key, score);
    }
  }
  return { scores, failed };
}

function isRead<C extends AnswerCase>(answer: C, pieces: readonly string[], read: ReadCase<C>): boolean {
  try {
    return matches(answer.expected, read(answer, pieces));
  } catch {
    return false;
  }
}
