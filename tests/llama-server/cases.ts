// Owns requests to llama-server's routes and what must come of them, from any server that speaks its dialect. They ask what the tests of
// llama.cpp's tools/server ask (test_completion, test_infill, test_tokenize, test_ctx_shift, test_ignore_eos, test_basic).
import type { Expectations } from "./expectations.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface LlamaServerCase {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: Json;
  /** Of the answer's status and its leaves, by their paths. */
  readonly expect: Expectations;
  /** Why Waggle's answer is another one; with separate expectations, where it has them. */
  readonly otherwise?: { readonly why: string; readonly expect?: Expectations };
}

/** Slots of so many tokens are what the cases are about. */
export const caseContextSize = 512;
export const caseSlots = 2;

export const refused = (type: string, code: number): Expectations => ({
  status: code,
  "error/code": code,
  "error/type": type,
  "error/message": /./,
});
