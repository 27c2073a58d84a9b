// Owns where the hive's API tokens come from: one variable and one file, in the format of a worker's token file.
import { readFileSync } from "node:fs";
import { parseToken, parseTokenFile, TokenFileError, type ApiToken } from "@waggle/front/token-file";
import { createTokenTable, type TokenTable } from "@waggle/front/tokens";
import type { Logger } from "@waggle/telemetry";
import { reasonOf } from "@waggle/terminal";

/** The same one in which a worker keeps the token that it shows to its hive. */
export const tokenVariable = "WAGGLE_HIVE_TOKEN";
/** The name of whoever uses the variable's token. */
const variableClient = "default";

export interface TokenSources {
  /** The text of the variable. */
  readonly apiToken: string | undefined;
  /** The path of the file. */
  readonly apiTokenFile?: string | undefined;
}

/**
 * All tokens; none when there is no source. The variable's may do everything.
 * @throws TokenFileError with a sentence that names the variable, or the file and the line, and never shows a token
 */
export function readTokens({ apiToken, apiTokenFile }: TokenSources): readonly ApiToken[] {
  const own = apiToken === undefined ? [] : [variableToken(apiToken)];
  const fromFile = apiTokenFile === undefined ? [] : fileTokens(apiTokenFile);
  if (own.some((one) => fromFile.some(({ name, token }) => name === one.name || token === one.token))) {
    const reason = `it repeats the token of ${tokenVariable}, or its name "${variableClient}"`;
    throw new TokenFileError(`Cannot use --api-token-file ${apiTokenFile}: ${reason}.`);
  }
  return [...own, ...fromFile];
}

/** Undefined when there is no file, or when it is broken: then the tokens stay as they are. */
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

function variableToken(text: string): ApiToken {
  try {
    return { ...parseToken(text), name: variableClient, admin: true, monitor: true };
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error;
    throw new TokenFileError(`Cannot use the variable ${tokenVariable}: ${error.message}.`);
  }
}

function fileTokens(path: string): readonly ApiToken[] {
  try {
    return parseTokenFile(readFileSync(path, "utf8"));
  } catch (error) {
    throw new TokenFileError(`Cannot use --api-token-file ${path}: ${reasonOf(error)}.`);
  }
}
