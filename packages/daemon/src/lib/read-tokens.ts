// Owns where API tokens come from: one variable and one file, at the start and again on SIGHUP.
import { readFileSync } from "node:fs";
import { TokenFileError, parseToken, parseTokenFile } from "@waggle/front";
import type { ApiToken } from "@waggle/front";
import { reasonOf } from "@waggle/terminal";

export const tokenVariable = "WAGGLE_API_TOKEN";
/** The name of the client that uses the variable's token. */
const variableClient = "default";

export interface TokenSources {
  /** The text of the variable. */
  readonly apiToken: string | undefined;
  /** The path of the file. */
  readonly apiTokenFile: string | undefined;
}

/**
 * All tokens; none when there is no source.
 * @throws TokenFileError with a sentence that names the variable, or the file and the line, and never shows a token
 */
export function readTokens(
  sources: TokenSources,
  read: (path: string) => string = (path) => readFileSync(path, "utf8"),
): readonly ApiToken[] {
  const { apiToken, apiTokenFile } = sources;
  const fromFile = apiTokenFile === undefined ? [] : readTokenFile(apiTokenFile, read);
  if (apiToken === undefined) return fromFile;
  const own = parseVariable(apiToken);
  if (fromFile.some(({ name, token }) => name === variableClient || token === own.token)) {
    const reason = `it repeats the token of ${tokenVariable}, or its name "${variableClient}"`;
    throw new TokenFileError(`Cannot use --api-token-file ${apiTokenFile}: ${reason}.`);
  }
  return [own, ...fromFile];
}

/** As a line of the file, without a name: a colon is the token's own. */
function parseVariable(text: string): ApiToken {
  try {
    return { name: variableClient, ...parseToken(text) };
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error;
    throw new TokenFileError(`Cannot use the variable ${tokenVariable}: ${error.message}.`);
  }
}

function readTokenFile(file: string, read: (path: string) => string): readonly ApiToken[] {
  try {
    return parseTokenFile(read(file));
  } catch (error) {
    throw new TokenFileError(`Cannot use --api-token-file ${file}: ${reasonOf(error)}.`);
  }
}
