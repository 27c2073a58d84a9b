// Owns what has to be true of a grammar before llama.cpp may read it: its parser and its sampler end the process over the rest.

/** llama.cpp's parser calls itself for each level; a few thousand levels overflow its stack. */
const maxNesting = 128;

/** A reason why the grammar cannot be used, or undefined. That it is valid GBNF is for llama.cpp to say. */
export function grammarProblem(grammar: string): string | undefined {
  let nesting = 0;
  for (const [piece] of grammar.matchAll(lexeme)) {
    if (piece === "(") nesting++;
    if (piece === ")") nesting--;
    if (nesting > maxNesting) return `it nests more than ${maxNesting} groups`;
    if (demandsNul(piece)) return "it demands a NUL character, which no model writes";
  }
  return undefined;
}

/**
 * Literals, character classes, comments and parentheses; the first two may contain any of the others. What is not closed goes on to the
 * end, so that the whole text is looked at once, however it is broken.
 */
const lexeme = /"(?:\\.?|[^"\\])*(?:"|$)|\[(?:\\.?|[^\]\\])*(?:\]|$)|#[^\n]*|[()]/gs;

const nul = String.raw`(?:\0|\\x00|\\u0000|\\U00000000)`;
const nulInLiteral = new RegExp(String.raw`^"(?:\\.|[^"\\])*?${nul}`, "s");
const nulAlone = new RegExp(String.raw`^\[${nul}(?:-${nul})?\]$`, "s");

/** A state that only NUL can leave has no token at all, and sampling without any ends the process. */
function demandsNul(piece: string): boolean {
  return nulInLiteral.test(piece) || nulAlone.test(piece);
}
