// Owns parsing markdown: GitHub's dialect, with line breaks as written, and with formulas. Only fences, lists, indented code and unclosed
// comments extend over an empty line, so that incremental.ts can parse a text piece by piece.
import { Lexer, Marked, Tokenizer, type Links, type Token, type Tokens } from "marked";
import { formulas, upToEmptyLine } from "./formula-rules.ts";

const { defaults } = new Marked({ gfm: true, breaks: true }, formulas);

/** Matches HTML that extends over empty lines to its closing tag. */
const untilClosed = /^ {0,3}<(?:script|pre|style|textarea|!|\?)/i;

export interface Reading {
  /** The blocks; `finish` parses their inline content. */
  readonly tokens: readonly Token[];
  /** The known link definitions and the definitions in the text. The first definition of a label counts. */
  readonly links: Links;
  /** Parses the inline content of the blocks, with these link definitions. */
  finish(links: Links): void;
}

export function readBlocks(src: string, known: Links): Reading {
  const lexer = new Lexer({ ...defaults, tokenizer: boundedTokenizer() });
  Object.assign(lexer.tokens.links, known);
  lexer.blockTokens(src, lexer.tokens);
  return {
    tokens: lexer.tokens,
    links: lexer.tokens.links,
    finish(links) {
      Object.assign(lexer.tokens.links, links);
      for (const { src: text, tokens } of lexer.inlineQueue.splice(0)) {
        lexer.state.inRawBlock = false;
        lexer.inlineTokens(text, tokens);
      }
    },
  };
}

/** Parses the whole text at once. */
export function readAll(text: string): readonly Token[] {
  const reading = readBlocks(text.replace(/\r\n|\r/g, "\n"), {});
  reading.finish(reading.links);
  return reading.tokens;
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
