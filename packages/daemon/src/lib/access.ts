// Owns who may come in: this machine alone, or whoever has a token; and which settings do not go together with that. Pure.
import { isLoopback } from "./names.ts";

export interface AccessSettings {
  /** As it was said; undefined: nobody said anything. */
  readonly localMode: boolean | undefined;
  readonly host: string;
  readonly allowedHosts?: readonly string[] | undefined;
  readonly apiTokenFile?: string | undefined;
}

/** Where tokens come from, as a sentence names it; undefined where there are none. */
export function tokenSourceOf(apiToken: string | undefined, { apiTokenFile }: AccessSettings): string | undefined {
  const sources = [apiToken && "WAGGLE_API_TOKEN", apiTokenFile && "--api-token-file"].filter((source) => source);
  return sources.length === 0 ? undefined : sources.join(" and ");
}

/** Without a token it is local mode: this machine only. */
export function isLocalMode({ localMode }: AccessSettings, tokenSource: string | undefined): boolean {
  return localMode ?? tokenSource === undefined;
}

/** What is wrong, in a sentence that names the flags and what to do; undefined where all is well. */
export function accessProblem(settings: AccessSettings, tokenSource: string | undefined): string | undefined {
  const { localMode, host, allowedHosts = [] } = settings;
  if (localMode === true && tokenSource !== undefined) {
    return (
      `Cannot use --local-mode with an API token (${tokenSource}): local mode checks no token, ` +
      "so setting one would promise what is not kept. Drop one of the two."
    );
  }
  if (tokenSource !== undefined) return undefined;
  const setOne = "Set WAGGLE_API_TOKEN or --api-token-file";
  if (localMode === false) {
    return `Cannot start without local mode and without a token. ${setOne}, or drop WAGGLE_LOCAL_MODE to serve this machine only.`;
  }
  if (!isLoopback(host)) {
    if (localMode === true) {
      return `Cannot use --local-mode with --host ${host}: local mode listens on loopback only. Use an API token to serve others.`;
    }
    return `Cannot use --host ${host} without a token: other machines could use it. ${setOne}, or drop --host to serve this machine only.`;
  }
  if (localMode === undefined && allowedHosts.length > 0) {
    return `Cannot use --allowed-host without a token: it lets others in under that name. ${setOne}, or add --local-mode to serve this machine only.`;
  }
  return undefined;
}
