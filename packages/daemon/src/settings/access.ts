// Decides who may use a daemon: this machine only, or clients with a token. Reports contradicting settings. Pure.
import { isLoopback } from "./names.ts";

export interface AccessSettings {
  /** Undefined if the setting is not set. */
  readonly localMode: boolean | undefined;
  readonly host: string;
  readonly allowedHosts?: readonly string[] | undefined;
  readonly apiTokenFile?: string | undefined;
}

/** Names the sources of tokens for a sentence; undefined without a source. @param variable the variable with a token */
export function tokenSourceOf(variable: string | undefined, { apiTokenFile }: AccessSettings): string | undefined {
  const sources = [variable, apiTokenFile && "--api-token-file"].filter((source) => source);
  return sources.length === 0 ? undefined : sources.join(" and ");
}

/** Whether the daemon serves only this machine: by the setting, or without the setting if there is no token. */
export function isLocalMode({ localMode }: AccessSettings, tokenSource: string | undefined): boolean {
  return localMode ?? tokenSource === undefined;
}

/** Describes a contradiction between settings, with the flags and the remedy; undefined without a contradiction. */
export function accessProblem(settings: AccessSettings, tokenSource: string | undefined): string | undefined {
  const { localMode, host, allowedHosts = [] } = settings;
  if (localMode === true && tokenSource !== undefined) {
    return (
      `Cannot use --local-mode with an API token (${tokenSource}): local mode does not check tokens. ` +
      "Remove one of the two."
    );
  }
  if (tokenSource !== undefined) return undefined;
  const setOne = "Set WAGGLE_API_TOKEN or --api-token-file";
  if (localMode === false) {
    return `Cannot start without local mode and without a token. ${setOne}, or remove WAGGLE_LOCAL_MODE to serve this machine only.`;
  }
  if (!isLoopback(host)) {
    if (localMode === true) {
      return `Cannot use --local-mode with --host ${host}: local mode listens on loopback only. Use an API token to serve others.`;
    }
    return `Cannot use --host ${host} without a token: other machines could use it. ${setOne}, or remove --host to serve this machine only.`;
  }
  if (localMode === undefined && allowedHosts.length > 0) {
    return `Cannot use --allowed-host without a token: it lets others in under that name. ${setOne}, or add --local-mode to serve this machine only.`;
  }
  return undefined;
}
