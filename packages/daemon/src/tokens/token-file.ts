// Parses API tokens: the form of a token, and the file of several tokens. An error names the line, and never shows
// its text.
import { createHash } from "node:crypto";
import { SettingsError } from "../settings/settings-error.ts";
import { parseRights } from "./token-rights.ts";
import type { TokenRights } from "./token-rights.ts";

/**
 * A token and the name under which its client appears in logs, in fair queueing and as the scope of cached prefixes.
 */
export interface ApiToken extends TokenRights {
  readonly name: string;
  readonly token: string;
}

const minTokenChars = 8;
const maxTokenChars = 512;
export const maxTokens = 1_024;
const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

export class TokenFileError extends SettingsError {
  override readonly name = "TokenFileError";
  /** Line number, counted from 1; undefined if the error concerns the whole file. */
  readonly line: number | undefined;

  constructor(reason: string, line?: number) {
    super([line === undefined ? reason : `line ${line}: ${reason}`]);
    this.line = line;
  }
}

/**
 * Each line has `name:token` or a bare `token`, then the words of the token's rights. Empty lines and lines that begin with # are
 * ignored. A bare token has no colon; its client's name is the token's fingerprint, so that the name stays when lines move.
 * @throws TokenFileError with the line number
 */
export function parseTokenFile(text: string): readonly ApiToken[] {
  const tokens: ApiToken[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const entry = parseLine(line, index + 1);
    if (tokens.some(({ name }) => name === entry.name))
      throw new TokenFileError("its name or token is a duplicate", index + 1);
    if (tokens.some(({ token }) => token === entry.token))
      throw new TokenFileError("its token is a duplicate", index + 1);
    if (tokens.length === maxTokens) throw new TokenFileError(`more than ${maxTokens} tokens`, index + 1);
    tokens.push(entry);
  }
  if (tokens.length === 0) throw new TokenFileError("it holds no token");
  return tokens;
}

/**
 * Parses a token that is followed by the words of its rights.
 * @throws TokenFileError
 */
export function parseToken(text: string, line?: number): Omit<ApiToken, "name"> {
  const [token = "", ...words] = text.trim().split(/\s+/);
  const problem = tokenProblem(token);
  if (problem !== undefined) throw new TokenFileError(problem, line);
  const rights = parseRights(words);
  if (typeof rights === "string") throw new TokenFileError(rights, line);
  return { token, ...rights };
}

/** Returns the problem of a token, or undefined for a valid one. */
function tokenProblem(token: string): string | undefined {
  if (token.length < minTokenChars) return `a token has at least ${minTokenChars} characters`;
  if (token.length > maxTokenChars) return `a token has at most ${maxTokenChars} characters`;
  return /^[\x21-\x7e]+$/.test(token) ? undefined : "a token has only visible ASCII characters, and no spaces";
}

/** Eight hex digits that distinguish tokens in a log without revealing them. */
export function tokenFingerprint(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 8);
}

function parseLine(line: string, number: number): ApiToken {
  const colon = line.indexOf(":");
  const named = colon === -1 ? undefined : line.slice(0, colon).trim();
  if (named !== undefined && !namePattern.test(named)) {
    throw new TokenFileError("a name has 1 to 64 letters, digits and . _ -", number);
  }
  const { token, ...rights } = parseToken(line.slice(colon + 1), number);
  return { name: named ?? `token-${tokenFingerprint(token)}`, token, ...rights };
}
