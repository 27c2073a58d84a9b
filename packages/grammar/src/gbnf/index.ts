export * from "./gbnf.ts";
export { grammarProblem } from "./grammar-check.ts";
export * from "./grammar-matcher.ts";
export * from "./grammar-run.ts";
export * from "./vocabulary-order.ts";
