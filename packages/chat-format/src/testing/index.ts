// Owns what other packages' tests and the commands of xtask may use: what llama.cpp expects of its templates.
export { llamaCases, matches, type ExpectedAnswer, type LlamaCase, type ReadAnswer } from "./llama-cases.ts";
export { notInGrammar } from "./not-in-grammar.ts";
