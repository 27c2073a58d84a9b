// Defines a case: a request to a route of llama-server, and the answer that any server with this dialect must give. The cases follow the tests in
// llama.cpp's tools/server (test_completion, test_infill, test_tokenize, test_ctx_shift, test_ignore_eos, test_basic).
import type { Expectations } from "./expectations.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface LlamaServerCase {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: Json;
  /** Expected status and leaves of the answer, by their paths. */
  readonly expect: Expectations;
  /** Why Waggle's answer differs, and the expectations of Waggle's answer if they differ too. */
  readonly otherwise?: { readonly why: string; readonly expect?: Expectations };
}

/** Tokens of a slot: some cases depend on this number. */
export const caseContextSize = 512;
export const caseSlots = 2;

export const refused = (type: string, code: number): Expectations => ({
  status: code,
  "error/code": code,
  "error/type": type,
  "error/message": /./,
});
