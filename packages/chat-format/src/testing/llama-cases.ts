// Owns cases that were recorded from llama.cpp's tests. Compares the answer that each case expects with the result of our reader.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { AnswerTool } from "../format/answer.ts";

/** An expected call. A partial text that ends within the arguments has `argumentsText` instead of `arguments`. */
export interface ExpectedCall {
  readonly name: string;
  readonly arguments?: unknown;
  readonly argumentsText?: string;
  /** The id that the model wrote, if its format has ids. llama.cpp compares ids, `matches` does not. */
  readonly id?: string;
}

/** The expected parts of a text; absent parts are empty. */
export interface ExpectedAnswer {
  readonly reasoning?: string;
  readonly content?: string;
  readonly calls?: readonly ExpectedCall[];
}

/** The parts that a reader found in a text. `arguments` is JSON text. */
export interface ReadAnswer {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** A model's text after a prompt, and its expected parts. */
export interface AnswerCase {
  /** Unique. A recorded case has its template and its line in tests/test-chat.cpp. */
  readonly name: string;
  /** File name in llama.cpp's models/templates, without `.jinja`. */
  readonly template: string;
  readonly tools: readonly AnswerTool[];
  /** The end of the rendered prompt, including the generation prompt. */
  readonly promptTail: string;
  readonly text: string;
  readonly expected: ExpectedAnswer;
}

/** A passing check of tests/test-chat.cpp. Its `promptTail` begins with the user's last message, and has at most 200 characters. */
export interface LlamaCase extends AnswerCase {
  /** Absent: one message of the user, "Hey there!". */
  readonly messages?: readonly unknown[];
  /** `tool_choice` of llama.cpp's API. */
  readonly toolChoice: "auto" | "required" | "none";
  readonly parallel: boolean;
  /** Value of `enable_thinking`. */
  readonly thinking: boolean;
  /** JSON Schema that the content follows. */
  readonly schema?: unknown;
  /** Whether the text ends in the middle of an answer. */
  readonly partial: boolean;
  /** The part that the answer continues: the conversation ends with an incomplete message of the assistant, which is in the prompt. */
  readonly continued?: "content" | "reasoning";
  /** The text that llama.cpp's reader gets before the answer: the end of `promptTail`. */
  readonly generationPrompt: string;
  /** Texts of control tokens that llama.cpp does not remove from the answer. */
  readonly preservedTokens: readonly string[];
}

/** The recorded facts about a template that tests use. The file also has llama.cpp's capabilities of the template. */
export interface LlamaTemplate {
  readonly generationPrompt: GenerationPrompts;
  /** Present if tools change the generation prompt. */
  readonly generationPromptWithTools?: GenerationPrompts;
  readonly preservedTokens: readonly string[];
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
 * Reads llama.cpp's expectations: 461 cases for 58 of llama.cpp's 70 templates, and facts about all 70 templates. Source: tests/test-chat.cpp of
 * llama.cpp v0.5.0 (the release that node-llama-cpp 3.22.1 carries), MIT License.
 *
 * To record the cases again: compile a copy of that test against the release's libllama-common. In the copy, change the test builder's `run` so that
 * it catches a failed check. If all of `test_peg_parser` passed, `run` writes the inputs, the result of `common_chat_templates_apply` and the
 * expectation as a line of JSON. `run` also parses the empty text (`said`), and the case's text with reasoning_format auto (`inlineThoughts`, if the
 * result differs). The templates' rows are the results of `common_chat_templates_apply` and `common_chat_templates_get_caps` with and without tools
 * and thinking; the debug log has the handler's name. Then remove default values, and cut the prompts.
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
 * Compares like llama.cpp: reasoning and content without white space at their ends, the number and the order of calls, the calls' names, and the
 * calls' arguments as JSON. Incomplete arguments are not compared.
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

/** Reads a case's text in these pieces. An exception counts as a failed case. */
export type ReadCase<C extends AnswerCase> = (answer: C, pieces: readonly string[]) => ReadAnswer;

export interface Score {
  total: number;
  /** Correct cases when the text arrives at once. */
  whole: number;
  /** Correct cases when the text arrives one character at a time. */
  byCharacters: number;
}

/** Scores of each template, and of all templates under "all". `failed` has the names of cases that fail when read at once or by characters. */
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
