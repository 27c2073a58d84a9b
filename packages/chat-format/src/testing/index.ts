// Owns the exports for other packages' tests and for xtask's commands: the cases of llama.cpp.
export { llamaCases, matches, type LlamaCase, type ReadAnswer } from "./llama-cases.ts";
export { notInGrammar } from "./not-in-grammar.ts";
