// Owns the thread that compiles grammars: each message is a task as text, each answer a grammar or the problem.
import { serveTasks } from "@waggle/async";
import { AnswerGrammarError, answerGrammar, type AnswerGrammarOptions } from "@waggle/chat-format/format";
import { UnsupportedSchemaError, jsonSchemaToGbnf } from "@waggle/grammar/json-schema";

/** A task for the thread, sent as JSON text. The digest of this text is the key in the result cache. */
export type GrammarTask = { readonly schema: unknown } | { readonly answer: AnswerGrammarOptions };

/** The message of `refused` is for the client. `tool` is the index of the tool whose parameters have the problem. */
export type CompiledSchema =
  | { readonly kind: "grammar"; readonly grammar: string }
  | { readonly kind: "refused"; readonly message: string; readonly tool?: number | undefined };

export function compileTask(text: string): CompiledSchema {
  const task = JSON.parse(text) as GrammarTask;
  try {
    return { kind: "grammar", grammar: "schema" in task ? jsonSchemaToGbnf(task.schema) : answerGrammar(task.answer) };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return { kind: "refused", message: error.message };
    if (error instanceof AnswerGrammarError) return { kind: "refused", message: error.message, tool: error.tool };
    throw error;
  }
}

serveTasks(compileTask);
