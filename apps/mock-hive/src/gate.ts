// Owns the hive's access checks: Host, Origin and site, then the token and its rights.
import { authenticate, checkHost, checkOrigin, checkSite, checkTarget } from "@waggle/daemon/access";
import type { TokenTable } from "@waggle/daemon/tokens";
import { WaggleError } from "@waggle/protocol";

/** The right that a request requires: workers report, observers read, operators change. */
export type RequiredRight = "report" | "read" | "change";

export interface HiveAccess {
  /** Undefined when the hive serves only this machine, without a token. */
  readonly tokens: () => TokenTable | undefined;
  /**
   * Allowed names in the Host header, in lower case. If the list is empty, a hive without a token allows only loopback names, and a hive with a
   * token allows any name.
   */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

export interface HiveRequest {
  readonly headers: Headers;
  /** As the client sent it; undefined in tests without a server. */
  readonly target: string | undefined;
  /** Whether the request is for a static page. */
  readonly isPage: boolean;
}

/** @throws WaggleError forbidden when the request is for another host, or from a page that is not allowed */
export function checkHostAndOrigin({ headers, target, isPage }: HiveRequest, access: HiveAccess): void {
  const { tokens, allowedHosts, allowedOrigins } = access;
  const localMode = tokens() === undefined;
  checkTarget(headers, target);
  checkHost(headers, { localMode, allowedHosts });
  checkOrigin(headers, { allowedOrigins, localPages: false });
  if (localMode) checkSite(headers, isPage);
}

/** @throws WaggleError unauthenticated without a token or with a wrong one; forbidden when the token lacks the right */
export function checkToken(headers: Headers, right: RequiredRight, access: HiveAccess): void {
  const tokens = access.tokens();
  if (tokens === undefined) return;
  const name = authenticate(headers, tokens);
  const rights = tokens.rightsOf(name);
  if (right === "change" && rights?.admin !== true) {
    throw new WaggleError("forbidden", "Cannot do that: the token is not marked admin in the hive's token file.");
  }
  if (right === "read" && rights?.monitor !== true) {
    throw new WaggleError(
      "forbidden",
      "Cannot show the workers: the token is marked neither monitor nor admin in the hive's token file.",
    );
  }
}
