// Owns the thread that compiles JSON schemas: one after the other, each message a schema as text, each answer its grammar or what is wrong.
import { parentPort } from "node:worker_threads";
import { UnsupportedSchemaError, jsonSchemaToGbnf } from "@waggle/json-grammar";

/** `refused`: for the client. `failed`: a defect of ours. */
export type CompiledSchema =
  | { readonly kind: "grammar"; readonly grammar: string }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };

/** Said once, when everything is loaded: what comes after it is the schema's own time. */
export const threadReady = "ready";

parentPort?.on("message", (text: string) => parentPort?.postMessage(compile(text)));
parentPort?.postMessage(threadReady);

function compile(text: string): CompiledSchema {
  try {
    return { kind: "grammar", grammar: jsonSchemaToGbnf(JSON.parse(text)) };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return { kind: "refused", message: error.message };
    return { kind: "failed", message: error instanceof Error ? error.message : "unknown" };
  }
}
