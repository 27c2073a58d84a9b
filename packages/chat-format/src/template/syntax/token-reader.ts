// Owns the position in a template's tokens and the nesting depth while a template is parsed.
import { sourceLimits } from "../limits.ts";
import { TemplateError, overLimit } from "../template-error.ts";
import type { Token, TokenType } from "./tokens.ts";

export interface TokenReader {
  peek(ahead?: number): Token;
  next(): Token;
  /** Whether the next token is this operator or this word. */
  at(text: string): boolean;
  /** Consumes the next token if it is this operator or this word; returns whether it was. */
  skip(text: string): boolean;
  expect(text: string): void;
  take(type: TokenType, what: string): string;
  /** Position of the next token, for `mentions`. */
  place(): number;
  /** Whether this word was read since that position. */
  mentions(word: string, since: number): boolean;
  fail(message: string): TemplateError;
  /** @throws TemplateError limit */
  nested<T>(read: () => T): T;
}

export function createTokenReader(tokens: readonly Token[]): TokenReader {
  let place = 0;
  let depth = 0;
  const last = tokens.at(-1) ?? { type: "end", text: "", line: 1 };

  const reader: TokenReader = {
    peek: (ahead = 0) => tokens[place + ahead] ?? last,
    next() {
      const token = reader.peek();
      place += 1;
      return token;
    },
    at(text) {
      const token = reader.peek();
      return (token.type === "operator" || token.type === "name") && token.text === text;
    },
    skip(text) {
      if (!reader.at(text)) return false;
      place += 1;
      return true;
    },
    expect(text) {
      if (!reader.skip(text)) throw reader.fail(`expected "${text}"`);
    },
    take(type, what) {
      if (reader.peek().type !== type) throw reader.fail(`expected ${what}`);
      return reader.next().text;
    },
    place: () => place,
    mentions: (word, since) => tokens.slice(since, place).some(({ type, text }) => type === "name" && text === word),
    fail(message) {
      const { type, text, line } = reader.peek();
      const found = type === "end" ? "the end" : JSON.stringify(text.slice(0, 40));
      return new TemplateError("syntax", `Line ${line}: ${message}, found ${found}`);
    },
    nested(read) {
      if (depth >= sourceLimits.nesting) throw overLimit(`Line ${reader.peek().line}: nested too deep`);
      depth += 1;
      const result = read();
      depth -= 1;
      return result;
    },
  };
  return reader;
}
