// Parses API tokens: the form of a token, and the file of several tokens. An error names the line, and never shows
// its text.
import { createHash } from "node:crypto";
import { SettingsError } from "../settings/settings-error.ts";
import { parseRights } from "./token-rights.ts";
import type { TokenRights } from "./token-rights.ts";

/** A token and the name under which its client appears in logs, in fair queueing and as the scope of cached prefixes. */
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
}

/** At most this many problems of a file are reported. */
const mostProblems = 20;

/**
 * Each line has `name:token` or a bare `token`, then the words of the token's rights. Empty lines and lines that begin with # are
 * ignored. A bare token has no colon; its client's name is the token's fingerprint, so that the name stays when lines move.
 * @throws TokenFileError with a problem for each wrong line, which begins with the line number
 */
export function parseTokenFile(text: string): readonly ApiToken[] {
  const tokens: ApiToken[] = [];
  const problems: string[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const entry = parseLine(line, tokens);
    if (typeof entry === "object") tokens.push(entry);
    else problems.push(`line ${index + 1}: ${entry}`);
    if (problems.length === mostProblems) break;
  }
  if (problems.length > 0) throw new TokenFileError(problems);
  if (tokens.length === 0) throw new TokenFileError(["it holds no token"]);
  return tokens;
}

/**
 * Parses a token that is followed by the words of its rights.
 * @throws TokenFileError
 */
export function parseToken(text: string): Omit<ApiToken, "name"> {
  const parsed = tokenOf(text);
  if (typeof parsed === "string") throw new TokenFileError([parsed]);
  return parsed;
}

/** Returns the token, or the problem of its text. */
function tokenOf(text: string): Omit<ApiToken, "name"> | string {
  const [token = "", ...words] = text.trim().split(/\s+/);
  const problem = tokenProblem(token);
  if (problem !== undefined) return problem;
  const rights = parseRights(words);
  return typeof rights === "string" ? rights : { token, ...rights };
}

/** Returns the problem of a token, or undefined for a valid one. */
function tokenProblem(token: string): string | undefined {
  if (token.length < minTokenChars || token.length > maxTokenChars)
    return `a token has ${minTokenChars} to ${maxTokenChars} characters`;
  return /^[\x21-\x7e]+$/.test(token) ? undefined : "a token has only visible ASCII characters, and no spaces";
}

/** Eight hex digits that distinguish tokens in a log without revealing them. */
export function tokenFingerprint(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 8);
}

/** Returns the line's token, or the line's problem. @param before the tokens of earlier lines */
function parseLine(line: string, before: readonly ApiToken[]): ApiToken | string {
  const colon = line.indexOf(":");
  const named = colon === -1 ? undefined : line.slice(0, colon).trim();
  if (named !== undefined && !namePattern.test(named)) return "a name has 1 to 64 letters, digits and . _ -";
  const parsed = tokenOf(line.slice(colon + 1));
  if (typeof parsed === "string") return parsed;
  const name = named ?? `token-${tokenFingerprint(parsed.token)}`;
  if (before.some((other) => other.name === name)) return "its name or token is a duplicate";
  if (before.some(({ token }) => token === parsed.token)) return "its token is a duplicate";
  return before.length === maxTokens ? `more than ${maxTokens} tokens` : { name, ...parsed };
}
