// Reads a program's API tokens from one variable and one file, at the start and again on SIGHUP.
import { TokenFileError, parseToken, parseTokenFile, type ApiToken } from "./token-file.ts";
import { createTokenTable, type TokenTable } from "./token-table.ts";
import type { Logger } from "@waggle/telemetry";
import { errorReason } from "../terminal/index.ts";
import { readSettingText } from "../settings/setting-text.ts";

export const tokenVariable = "WAGGLE_API_TOKEN";
/** The name of the client that uses the variable's token. */
const variableClient = "default";

export interface TokenSources {
  /** The text of the variable with the token. */
  readonly apiToken: string | undefined;
  /** The variable's name; by default WAGGLE_API_TOKEN. */
  readonly apiTokenVariable?: string | undefined;
  /** Rights of the variable's token, in addition to the rights that the variable lists. */
  readonly apiTokenRights?: Partial<Pick<ApiToken, "admin" | "monitor">> | undefined;
  /** The path of the token file. */
  readonly apiTokenFile?: string | undefined;
}

/**
 * Returns all tokens; an empty list without a variable and a file.
 * @throws TokenFileError with sentences that names the variable, or the file and the line, and never shows a token
 */
export function readTokens(
  { apiToken, apiTokenVariable = tokenVariable, apiTokenRights, apiTokenFile }: TokenSources,
  read: (path: string) => string = readSettingText,
): readonly ApiToken[] {
  const fromFile = apiTokenFile === undefined ? [] : readTokenFile(apiTokenFile, read);
  if (apiToken === undefined) return fromFile;
  const own = { ...parseVariable(apiTokenVariable, apiToken), ...apiTokenRights };
  if (fromFile.some(({ name, token }) => name === variableClient || token === own.token)) {
    const reason = `it repeats the token of ${apiTokenVariable}, or its name "${variableClient}"`;
    throw new TokenFileError([`Cannot use --api-token-file ${apiTokenFile}: ${reason}.`]);
  }
  return [own, ...fromFile];
}

/** Returns undefined if there is no token file, or the file has an error. The caller then keeps the present tokens. */
export function reloadTokens(sources: TokenSources, log: Logger): TokenTable | undefined {
  if (sources.apiTokenFile === undefined) return undefined;
  try {
    const tokens = readTokens(sources);
    log.info({ tokens: tokens.length }, "tokens_reloaded");
    return createTokenTable(tokens);
  } catch (error) {
    log.error({ err: error }, "Cannot reload the API tokens; the old ones stay.");
    return undefined;
  }
}

/** Parses a token with its rights. A colon is part of the token, because the variable has no client name. */
function parseVariable(variable: string, text: string): ApiToken {
  try {
    return { name: variableClient, ...parseToken(text) };
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error;
    throw new TokenFileError([`Cannot use the variable ${variable}: ${error.message}.`]);
  }
}

function readTokenFile(file: string, read: (path: string) => string): readonly ApiToken[] {
  try {
    return parseTokenFile(read(file));
  } catch (error) {
    const reasons = error instanceof TokenFileError ? error.problems : [errorReason(error)];
    throw new TokenFileError(reasons.map((reason) => `Cannot use --api-token-file ${file}: ${reason}.`));
  }
}
