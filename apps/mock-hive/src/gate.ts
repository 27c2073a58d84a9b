// Owns the hive's access checks: Host, Origin, then the token and its rights.
import type { TokenTable } from "@waggle/daemon/tokens";
import { WaggleError } from "@waggle/protocol";

/** The right that a request requires: workers report, observers read, operators change. */
export type RequiredRight = "report" | "read" | "change";

export interface HiveAccess {
  /** Undefined when the hive serves only this machine, without a token. */
  readonly tokens: () => TokenTable | undefined;
  /** Allowed names in the Host header, in lower case. If empty: loopback names without a token, any name with a token. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/** Host names that mean a loopback address. Without a token, any other name is treated as DNS rebinding. */
const loopbackNames: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
/** The hive may listen on any of these addresses. */
const loopbackAddress = /^127(?:\.\d{1,3}){3}$/;

/** @throws WaggleError forbidden when Host is not a name of the hive, or the page in Origin is not allowed */
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
  // A proxy in front may have ended TLS, so https is the same origin.
  if (!isLocal && origin === `https://${host}`) return;
  throw new WaggleError("forbidden", "Cannot answer: the Origin header names a page that does not belong here.");
}

/** @throws WaggleError unauthenticated without a token or with a wrong one; forbidden when the token lacks the right */
export function checkToken(headers: Headers, right: RequiredRight, access: HiveAccess): void {
  const tokens = access.tokens();
  if (tokens === undefined) return;
  const presented = /^Bearer +(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (presented === undefined) {
    throw new WaggleError("unauthenticated", "Cannot authenticate: send the hive's token as Authorization: Bearer.");
  }
  const name = tokens.nameOf(presented.trim());
  if (name === undefined) throw new WaggleError("unauthenticated", "Cannot authenticate: the token is wrong.");
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
