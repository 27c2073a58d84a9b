// Owns the thread that compiles grammars: each message is a task as text, each answer a grammar or the problem.
import { serveTasks } from "@waggle/async";
import { AnswerGrammarError, answerGrammar, type AnswerGrammarOptions } from "@waggle/chat-format/format";
import { UnsupportedSchemaError, jsonSchemaToGbnf } from "@waggle/grammar/json-schema";

/** A task for the thread, sent as JSON text. The digest of this text is the key in the result cache. */
export type GrammarTask = { readonly schema: unknown } | { readonly answer: AnswerGrammarOptions };

/** A keyword that the grammar leaves out: the index of the tool, and the end of the pointer to the keyword in its schema. */
export interface LeftOut {
  readonly tool: number;
  readonly pointer: string;
}

/** The message of `refused` is for the client. `tool` is the index of the tool whose parameters have the problem. */
export type CompiledSchema =
  | { readonly kind: "grammar"; readonly grammar: string; readonly leftOut?: readonly LeftOut[] }
  | { readonly kind: "refused"; readonly message: string; readonly tool?: number | undefined };

/** Limits for the header that names left out keywords: their number, and the characters of each pointer. */
const mostLeftOut = 8;
const pointerChars = 120;

export function compileTask(text: string): CompiledSchema {
  const task = JSON.parse(text) as GrammarTask;
  try {
    if ("schema" in task) return { kind: "grammar", grammar: jsonSchemaToGbnf(task.schema) };
    const leftOut: LeftOut[] = [];
    const grammar = answerGrammar(task.answer, (tool, pointer) => {
      if (leftOut.length < mostLeftOut) leftOut.push({ tool, pointer: pointer.slice(-pointerChars) });
    });
    return { kind: "grammar", grammar, ...(leftOut.length === 0 ? {} : { leftOut }) };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return { kind: "refused", message: error.message };
    if (error instanceof AnswerGrammarError) return { kind: "refused", message: error.message, tool: error.tool };
    throw error;
  }
}

serveTasks(compileTask);
