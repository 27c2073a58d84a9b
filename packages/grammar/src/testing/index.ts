// Exports test code for the tests and tools of other packages.
export { createGbnfMatcher, matchGbnf, readGbnf } from "./match-gbnf.ts";
export { createSampler, seededRandom, type Random } from "./sample-gbnf.ts";
export { createInstanceMatcher, parseAsWritten, type Verdict } from "./instances.ts";
export { commonGrammars } from "./common-grammars.ts";
