// Owns the checks of a request's Host, Origin and token, for every daemon. Pure: it reads headers and throws.
import { WaggleError } from "@waggle/protocol";
import type { TokenTable } from "../tokens/token-table.ts";

export interface HostRules {
  /** Whether the daemon serves only this machine, under its loopback names. */
  readonly localMode: boolean;
  /** Accepted host names, in lower case and without port; loopback names are always accepted. An empty list accepts any name, except in local mode. */
  readonly allowedHosts: readonly string[];
  /** The address to use in place of a refused one, if it is known. */
  readonly advertiseUrl?: string | undefined;
}

export interface OriginRules {
  /** Accepted origins with their scheme, such as `https://chat.example`. */
  readonly allowedOrigins: readonly string[];
  /** Whether pages that this machine serves, on any port, are accepted as well. */
  readonly localPages: boolean;
}

/** Names and addresses that mean this machine without a look-up by a name server. Any other name may be a DNS rebinding attack. */
const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * The check protects from pages of other origins: a browser sends the name of the page's address, and no such page has a loopback name. Other
 * clients can send any name. So loopback names are accepted whatever address the request comes from: behind a proxy that is always loopback.
 * @throws WaggleError forbidden when the Host header is not an accepted name
 */
export function checkHost(headers: Headers, { localMode, allowedHosts, advertiseUrl: url }: HostRules): void {
  if (!localMode && allowedHosts.length === 0) return;
  const name = hostNameOf(headers);
  if (loopbackName.test(name) || allowedHosts.includes(name)) return;
  const names = allowedHosts.length === 0 ? "localhost" : allowedHosts.join(", ");
  throw new WaggleError(
    "forbidden",
    `Cannot answer for the host "${hostOf(headers).slice(0, 100)}": the server answers to ${names} only. Use that name, or allow this one with --allowed-host.`,
    url === undefined ? {} : { details: { url } },
  );
}

/** @param target the request's target, which may name another host than the Host header: `GET http://other.example/ HTTP/1.1` */
export function checkTarget(headers: Headers, target: string | undefined): void {
  if (target === undefined || target.startsWith("/") || !URL.canParse(target)) return;
  const { host } = new URL(target);
  const named = `http://${hostOf(headers)}`;
  if (URL.canParse(named) && new URL(named).host === host) return;
  throw new WaggleError(
    "forbidden",
    `Cannot answer for the host "${host.slice(0, 100)}": the Host header names another one.`,
  );
}

function hostOf(headers: Headers): string {
  return (headers.get("host") ?? "").toLowerCase();
}

function hostNameOf(headers: Headers): string {
  return /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(hostOf(headers))?.[1] ?? "";
}

/**
 * Returns the origin to name in `Access-Control-Allow-Origin`; undefined if the request comes from the daemon's own origin, or from no page.
 * @throws WaggleError forbidden when pages of the origin are not allowed
 */
export function checkOrigin(headers: Headers, { allowedOrigins, localPages }: OriginRules): string | undefined {
  const given = headers.get("origin");
  if (given === null) return undefined;
  const host = hostOf(headers);
  const origin = given.toLowerCase();
  // A proxy may terminate TLS, so both schemes of our host are allowed.
  if (origin === `http://${host}` || origin === `https://${host}`) return undefined;
  if (allowedOrigins.includes(origin) || (localPages && isLocalOrigin(origin))) return given;
  throw new WaggleError(
    "forbidden",
    `Cannot answer the origin "${given.slice(0, 100)}": allow it with --allowed-origin.`,
  );
}

/** Clients search for "API key" and "X-Api-Key". */
const advice = "Send the API token as Authorization: Bearer, or as X-Api-Key.";

/**
 * In local mode any request acts for the machine's user. A browser sends a page's images, scripts and links without Origin, but names their site.
 * Other ports of this machine count as its own pages, as in `checkOrigin`.
 * @param isPage whether the request is for a static page, which other sites may link to
 * @throws WaggleError forbidden when a page of another site sent the request
 */
export function checkSite(headers: Headers, isPage: boolean): void {
  const site = headers.get("sec-fetch-site");
  // `checkOrigin` has checked a request that names its origin.
  if (site === null || site === "none" || site === "same-origin" || headers.get("origin") !== null) return;
  if (isPage && headers.get("sec-fetch-mode") === "navigate") return;
  if (site === "same-site" && loopbackName.test(hostNameOf(headers))) return;
  throw new WaggleError(
    "forbidden",
    `Cannot answer a page of another site (Sec-Fetch-Site: ${site.slice(0, 100)}): send the request with fetch, and allow the page with --allowed-origin.`,
  );
}

/**
 * Returns the name of the request's token.
 * @param wrong called with a token that is not in the table
 * @throws WaggleError unauthenticated if the token is missing or wrong
 */
export function authenticate(headers: Headers, tokens: TokenTable, wrong?: (token: string) => void): string {
  const presented = tokenOf(headers);
  if (presented === undefined) {
    throw new WaggleError("unauthenticated", `Cannot authenticate: no API key. ${advice}`);
  }
  const name = tokens.tokenName(presented);
  if (name !== undefined) return name;
  wrong?.(presented);
  throw new WaggleError("unauthenticated", `Cannot authenticate: invalid API key. ${advice}`);
}

/** The token from `Authorization: Bearer …`, or from `X-Api-Key: …`, which Anthropic's clients send. */
export function tokenOf(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return bearer ?? /^\S+$/.exec(headers.get("x-api-key") ?? "")?.[0];
}

/** Names that browsers always resolve to this machine (RFC 6761), and loopback addresses, with any port. */
const loopbackPage = /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;
/** Origins of locally installed applications. No web site can have such an origin. */
const applicationPage = /^(?:app|tauri|vscode-webview|vscode-file):\/\/[a-z0-9._-]{1,255}$/;

/**
 * The opaque origin `null` is not local: any file has this origin, and any web site can get this origin with a sandboxed frame.
 * @param origin in lower case
 */
export function isLocalOrigin(origin: string): boolean {
  return loopbackPage.test(origin) || applicationPage.test(origin);
}
