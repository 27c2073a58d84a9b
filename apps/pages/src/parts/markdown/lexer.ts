// Owns parsing markdown: GitHub's dialect, with line breaks as written, and with formulas. Only fences, lists, indented code and unclosed
// comments extend over an empty line, so that incremental.ts can parse a text piece by piece.
import { Lexer, Marked, Tokenizer, type Links, type Tokens, type TokensList } from "marked";
import { formulas, upToEmptyLine } from "./formula-rules.ts";

const { defaults } = new Marked({ gfm: true, breaks: true }, formulas);

/** Matches HTML that extends over empty lines to its closing tag. */
const untilClosed = /^ {0,3}<(?:script|pre|style|textarea|!|\?)/i;

/**
 * Parses a text with line feeds as its only line ends.
 * @param known link definitions from before the text. The first definition of a label counts
 */
export function readBlocks(src: string, known: Links = {}): TokensList {
  const lexer = new Lexer({ ...defaults, tokenizer: boundedTokenizer() });
  Object.assign(lexer.tokens.links, known);
  lexer.blockTokens(src, lexer.tokens);
  for (const { src: text, tokens } of lexer.inlineQueue) {
    // An open HTML tag in one block must not change the next block.
    lexer.state.inRawBlock = false;
    lexer.inlineTokens(text, tokens);
  }
  return lexer.tokens;
}

export function withLineFeeds(text: string): string {
  return text.replaceAll(/\r\n|\r/g, "\n");
}

function boundedTokenizer(): Tokenizer {
  const tokenizer = new Tokenizer();
  const def = tokenizer.def.bind(tokenizer);
  const html = tokenizer.html.bind(tokenizer);
  tokenizer.def = (src): Tokens.Def | undefined => (/^ {0,3}\[/.test(src) ? def(upToEmptyLine(src)) : undefined);
  tokenizer.html = (src): Tokens.HTML | undefined => {
    if (!/^ {0,3}</.test(src)) return undefined;
    return html(untilClosed.test(src) ? src : upToEmptyLine(src));
  };
  return tokenizer;
}
