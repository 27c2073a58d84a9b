// Owns the access checks of a request: Host, Origin and token, in that order, before any other code reads it.
import { WaggleError, llamaServerRoutes, workerRoutes } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import type { MiddlewareHandler } from "hono";
import type { AppContext, AppEnv, HttpAccess } from "../server/context.ts";
import { rateLimitHeaderNames } from "./rate-limit-headers.ts";
import { tokenFingerprint } from "@waggle/daemon/tokens";
import type { TokenRights } from "@waggle/daemon/tokens";

/** Response headers that clients read. A browser shows them to a page of another origin only if they are listed. */
const exposedHeaders = [
  ...["x-request-id", "request-id", "retry-after", "x-should-retry", "location", "idempotent-replayed"],
  ...rateLimitHeaderNames,
].join(", ");

/** Names and addresses that mean this machine, independent of any name server. */
const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const openPaths: ReadonlySet<string> = new Set(
  Object.values<Route>({ ...workerRoutes, ...llamaServerRoutes })
    .filter((route) => route.open === true)
    .map((route) => route.path),
);

/** The client of all requests in local mode. */
const localClient = "local";

/**
 * Probes are open to every client, static pages to requests that name one of our hosts; all else needs a token, except in local mode.
 * @param isPage whether the method and path request a static page. Static pages contain no data
 */
export function createGate(
  access: HttpAccess,
  isPage: (method: string, path: string) => boolean,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (openPaths.has(c.req.path)) {
      enter(c, localClient, access);
      return await next();
    }
    checkHost(c, access);
    const origin = checkOrigin(c, access);
    if (origin !== undefined) {
      c.header("access-control-allow-origin", origin);
      c.header("vary", "origin, access-control-request-headers");
      c.header("access-control-expose-headers", exposedHeaders);
    }
    // A preflight request never has a token, and its response contains only the result of the Origin check.
    if (c.req.method === "OPTIONS" && origin !== undefined) return preflight(c);
    const open = access.localMode || isPage(c.req.method, c.req.path) || isOpenScrape(c, access);
    if (open) enter(c, localClient, access);
    else {
      const client = authenticate(c, access);
      enter(c, client, access, access.tokens().rightsOf(client));
    }
    return await next();
  };
}

/** A scrape with a token is asked for it all the same: its rights decide what it sees. */
function isOpenScrape(c: AppContext, { openMetrics }: HttpAccess): boolean {
  if (!openMetrics || c.req.path !== workerRoutes.metrics.path) return false;
  return tokenOf(c) === undefined;
}

/** @param rights the rights of the request's token, if it has one */
function enter(c: AppContext, client: string, { localMode }: HttpAccess, rights?: TokenRights): void {
  c.set("client", client);
  c.set("admin", localMode || rights?.admin === true);
  c.set("monitor", localMode || rights?.monitor === true);
}

function checkHost(c: AppContext, access: HttpAccess): void {
  if (!access.localMode && access.allowedHosts.length === 0) return;
  const name = hostName(c.req.header("host") ?? "");
  if ((access.localMode && loopbackName.test(name)) || access.allowedHosts.includes(name)) return;
  throw new WaggleError(
    "forbidden",
    `Cannot answer for the host "${name.slice(0, 100)}": it is not one of this worker's names.`,
  );
}

/** Returns the origin to allow by name; undefined for a request from our own origin, or not from a page. */
function checkOrigin(c: AppContext, access: HttpAccess): string | undefined {
  const origin = c.req.header("origin");
  if (origin === undefined) return undefined;
  const host = c.req.header("host") ?? "";
  // A proxy may terminate TLS, so both schemes of our host are allowed.
  if (origin === `http://${host}` || origin === `https://${host}`) return undefined;
  if (access.allowedOrigins.includes(origin)) return origin;
  if (access.localMode && isLocalOrigin(origin)) return origin;
  throw new WaggleError(
    "forbidden",
    `Cannot answer the origin "${origin.slice(0, 100)}": allow it with --allowed-origin.`,
  );
}

function preflight(c: AppContext): Response {
  c.header("access-control-allow-methods", "GET, POST, DELETE");
  // Clients send various headers, and this origin is allowed to send any request.
  c.header("access-control-allow-headers", c.req.header("access-control-request-headers") ?? "");
  c.header("access-control-max-age", "600");
  // 200 as in llama-server: some clients accept no other status.
  return c.body(null, 200);
}

function authenticate(c: AppContext, access: HttpAccess): string {
  const presented = tokenOf(c);
  if (presented === undefined) {
    throw new WaggleError("unauthenticated", "Cannot authenticate: send the API token as Authorization: Bearer.");
  }
  const name = access.tokens().nameOf(presented);
  if (name !== undefined) return name;
  c.get("log").warn({ fingerprint: tokenFingerprint(presented) }, "wrong_token");
  throw new WaggleError("unauthenticated", "Cannot authenticate: the API token is wrong.");
}

/** Removes the port: `localhost:80` becomes `localhost`, `[::1]:80` becomes `[::1]`. */
function hostName(host: string): string {
  const bracketed = /^\[[^\]]*\]/.exec(host);
  return (bracketed?.[0] ?? host.split(":", 1)[0] ?? "").toLowerCase();
}

/** The token from `Authorization: Bearer …`, or from `X-Api-Key: …`, which Anthropic's clients send. */
function tokenOf(c: AppContext): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  return bearer ?? /^\S+$/.exec(c.req.header("x-api-key") ?? "")?.[0];
}

/** Names that browsers always resolve to this machine (RFC 6761), and its loopback addresses; any port. */
const loopbackPage = /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;
/** Origins of locally installed applications. No web site can have such an origin. */
const applicationPage = /^(?:app|tauri|vscode-webview|vscode-file):\/\/[a-z0-9._-]{1,255}$/;

/**
 * The opaque origin `null` is not local: any site can have it, in a frame that it has sandboxed, and so can any file.
 * @param origin as a browser writes it, in lower case
 */
export function isLocalOrigin(origin: string): boolean {
  return loopbackPage.test(origin) || applicationPage.test(origin);
}
