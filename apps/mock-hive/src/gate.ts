// Owns who may speak to the hive: Host, Origin, then the token and what it may do.
import type { TokenTable } from "@waggle/front/tokens";
import { WaggleError } from "@waggle/protocol";

/** What a request asks for: what workers send, what an observer reads, what an operator changes. */
export type Errand = "report" | "read" | "change";

export interface HiveAccess {
  /** Undefined: this machine only, and no token. */
  readonly tokens: () => TokenTable | undefined;
  /** Names that the Host header may carry, in lower case; none given: loopback names, with a token any. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/** Host names under which a loopback address is really meant; without a token any other one is DNS rebinding. */
const loopbackNames: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
/** It may have been told to listen on another address of these. */
const loopbackAddress = /^127(?:\.\d{1,3}){3}$/;

/** @throws WaggleError forbidden when Host is no name of the hive, or Origin is a page that does not belong here */
export function checkHostAndOrigin(headers: Headers, access: HiveAccess): void {
  const host = (headers.get("host") ?? "").toLowerCase();
  const name = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/.exec(host)?.[1] ?? "";
  const isLocal = access.tokens() === undefined;
  const names = [...(isLocal ? loopbackNames : []), ...access.allowedHosts];
  const isKnown = names.includes(name) || (isLocal && loopbackAddress.test(name));
  if (name === "" || (names.length > 0 && !isKnown)) {
    throw new WaggleError("forbidden", `Cannot answer: the Host header must be one of ${names.join(", ")}.`);
  }
  const origin = headers.get("origin")?.toLowerCase();
  if (origin === undefined || origin === `http://${host}` || access.allowedOrigins.includes(origin)) return;
  // A proxy may have taken the TLS off.
  if (!isLocal && origin === `https://${host}`) return;
  throw new WaggleError("forbidden", "Cannot answer: the Origin header names a page that does not belong here.");
}

/** @throws WaggleError unauthenticated without a token or with a wrong one; forbidden when it may not do that */
export function checkToken(headers: Headers, errand: Errand, access: HiveAccess): void {
  const tokens = access.tokens();
  if (tokens === undefined) return;
  const presented = /^Bearer +(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (presented === undefined) {
    throw new WaggleError("unauthenticated", "Cannot authenticate: send the hive's token as Authorization: Bearer.");
  }
  const name = tokens.nameOf(presented.trim());
  if (name === undefined) throw new WaggleError("unauthenticated", "Cannot authenticate: the token is wrong.");
  const rights = tokens.rightsOf(name);
  if (errand === "change" && rights?.admin !== true) {
    throw new WaggleError("forbidden", "Cannot do that: the token is not marked admin in the hive's token file.");
  }
  if (errand === "read" && rights?.monitor !== true) {
    throw new WaggleError(
      "forbidden",
      "Cannot show the workers: the token is marked neither monitor nor admin in the hive's token file.",
    );
  }
}
