// Owns the thread that compiles grammars: one after the other, each message a task as text, each answer its grammar or what is wrong.
import { parentPort } from "node:worker_threads";
import { AnswerGrammarError, answerGrammar, type AnswerGrammarOptions } from "@waggle/chat-format";
import { UnsupportedSchemaError, jsonSchemaToGbnf } from "@waggle/json-grammar";

/** As JSON, so that equal tasks are equal texts. */
export type GrammarTask = { readonly schema: unknown } | { readonly answer: AnswerGrammarOptions };

/** `refused`: for the client; `tool` counts from 0 where it is one's parameters. `failed`: a defect of ours. */
export type CompiledSchema =
  | { readonly kind: "grammar"; readonly grammar: string }
  | { readonly kind: "refused"; readonly message: string; readonly tool?: number | undefined }
  | { readonly kind: "failed"; readonly message: string };

/** Said once, when everything is loaded: what comes after it is the schema's own time. */
export const threadReady = "ready";

parentPort?.on("message", (text: string) => parentPort?.postMessage(compile(text)));
parentPort?.postMessage(threadReady);

function compile(text: string): CompiledSchema {
  try {
    const task = JSON.parse(text) as GrammarTask;
    return { kind: "grammar", grammar: "schema" in task ? jsonSchemaToGbnf(task.schema) : answerGrammar(task.answer) };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return { kind: "refused", message: error.message };
    if (error instanceof AnswerGrammarError) return { kind: "refused", message: error.message, tool: error.tool };
    return { kind: "failed", message: error instanceof Error ? error.message : "unknown" };
  }
}
