// Owns where a formula begins and ends in markdown: `$$…$$` and `\[…\]` are blocks, `\(…\)` and `$…$` are within a line. Prices, shell
// variables and escaped brackets stay text. A formula never contains an empty line, so that the text before an empty line is final.
import type { MarkedExtension, Tokens } from "marked";

export interface FormulaToken extends Tokens.Generic {
  readonly type: "formula";
  readonly raw: string;
  /** The text between the delimiters. */
  readonly tex: string;
  readonly display: boolean;
}

/** Longer formulas stay text. */
const maxFormulaChars = 2_000;
const maxLineFormulaChars = 500;

const blockFormula = /^ {0,3}(?:\$\$((?:\\[^]|[^\\$])+)\$\$|\\\[((?:\\(?!\])[^]|[^\\])+)\\\])[ \t]*(?=\n|$)/;
const blockStart = /\n {0,3}(?=\$\$|\\\[)/g;
const display = /^(?:\$\$((?:\\[^]|[^\\$])+)\$\$|\\\[((?:\\(?!\])[^]|[^\\])+)\\\](?!\())/;
const inLine = /^\\\(((?:\\(?!\))[^]|[^\\])+)\\\)/;
const dollars = /^\$(?![\s$])((?:\\[^\n]|[^\\$\n`])+)\$(?![\w$])/;
const inLineStart = /(?<![\w\\$])\$|(?<!\\)\\[([]/g;
/** Matches the text between dollars in `$5 for one and 6$`, because this text is money and not a formula. */
const price = /^\d[\d.,]*\s+[a-z]{2,}/i;

/** The text before the first empty line, without the last line feed. */
export function upToEmptyLine(src: string): string {
  const end = src.search(/\n[ \t]*\n/);
  return end < 0 ? src : src.slice(0, end);
}

function token(raw: string, tex: string | undefined, isDisplay: boolean, limit: number): FormulaToken | undefined {
  const trimmed = tex?.trim() ?? "";
  if (trimmed === "" || trimmed.length > limit) return undefined;
  return { type: "formula", raw, tex: trimmed, display: isDisplay };
}

function blockAt(src: string): FormulaToken | undefined {
  if (!/^ {0,3}(?:\$\$|\\\[)/.test(src)) return undefined;
  const match = blockFormula.exec(upToEmptyLine(src));
  return match === null ? undefined : token(match[0], match[1] ?? match[2], true, maxFormulaChars);
}

function inLineAt(src: string): FormulaToken | undefined {
  if (src.startsWith("$") && !src.startsWith("$$")) {
    const match = dollars.exec(src.slice(0, maxLineFormulaChars));
    const tex = match?.[1] ?? "";
    if (match === null || /\s$/.test(tex) || price.test(tex)) return undefined;
    return token(match[0], tex, false, maxLineFormulaChars);
  }
  if (!/^(?:\$\$|\\[([])/.test(src)) return undefined;
  const bounded = src.slice(0, maxFormulaChars);
  const open = display.exec(bounded);
  if (open !== null) return token(open[0], open[1] ?? open[2], true, maxFormulaChars);
  const match = inLine.exec(bounded);
  return match === null ? undefined : token(match[0], match[1], false, maxFormulaChars);
}

/** Finds a formula block that ends the paragraph at the start of this text, and returns the block's index. */
function blockStartIn(src: string): number | undefined {
  if (!src.includes("$$") && !src.includes("\\[")) return undefined;
  const paragraph = upToEmptyLine(src);
  for (const { index } of paragraph.matchAll(blockStart)) {
    if (blockAt(paragraph.slice(index + 1)) !== undefined) return index + 1;
  }
  return undefined;
}

function inLineStartIn(src: string): number | undefined {
  for (const { index } of src.matchAll(inLineStart)) {
    if (inLineAt(src.slice(index)) !== undefined) return index;
  }
  return undefined;
}

export const formulas: MarkedExtension = {
  extensions: [
    { name: "formula", level: "block", start: blockStartIn, tokenizer: blockAt },
    { name: "formulaInLine", level: "inline", start: inLineStartIn, tokenizer: inLineAt },
  ],
};
