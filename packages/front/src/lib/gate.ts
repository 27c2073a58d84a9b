// Owns who may come in: Host, Origin and token, in that order, before anything else looks at a request.
import { WaggleError, llamaServerRoutes, workerRoutes } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import type { MiddlewareHandler } from "hono";
import type { AppContext, AppEnv, HttpAccess } from "./context.ts";
import { isLocalOrigin } from "./local-origins.ts";
import { rateLimitHeaderNames } from "./rate-limit-headers.ts";
import { tokenFingerprint } from "./token-file.ts";
import type { TokenRights } from "./token-rights.ts";

/** What clients read of a response, and a browser shows them only when it is told to. */
const exposedHeaders = [
  ...["x-request-id", "request-id", "retry-after", "x-should-retry", "location", "idempotent-replayed"],
  ...rateLimitHeaderNames,
].join(", ");

/** Names and addresses that lead nowhere but to this machine, whatever a name server says. */
const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const openPaths: ReadonlySet<string> = new Set(
  Object.values<Route>({ ...workerRoutes, ...llamaServerRoutes })
    .filter((route) => route.open === true)
    .map((route) => route.path),
);

/** In local mode everybody is this one client. */
const localClient = "local";

/**
 * Probes are open to everybody, static pages to whoever names one of our hosts; all else wants a token, except in local mode.
 * @param isPage says of a request, by method and path, that it is for a static page: those carry no data
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
    // A preflight carries no token by design, and answers nothing but what the Origin check has decided.
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
  return c.get("dialect").credential((name) => c.req.header(name)) === undefined;
}

/** @param rights of its token, where it has shown one */
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

/** Returns the origin to allow by name; undefined when the browser does not need to be told. */
function checkOrigin(c: AppContext, access: HttpAccess): string | undefined {
  const origin = c.req.header("origin");
  if (origin === undefined) return undefined;
  const host = c.req.header("host") ?? "";
  // A proxy may have taken the TLS off, so both schemes of our own host are ours.
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
  // Clients bring headers of their own, and the origin is one that may ask for anything.
  c.header("access-control-allow-headers", c.req.header("access-control-request-headers") ?? "");
  c.header("access-control-max-age", "600");
  // llama-server answers 200 too, and some clients take no other status for a yes.
  return c.body(null, 200);
}

function authenticate(c: AppContext, access: HttpAccess): string {
  const presented = c.get("dialect").credential((name) => c.req.header(name));
  if (presented === undefined) {
    throw new WaggleError("unauthenticated", "Cannot authenticate: send the API token as Authorization: Bearer.");
  }
  const name = access.tokens().nameOf(presented);
  if (name !== undefined) return name;
  c.get("log").warn({ fingerprint: tokenFingerprint(presented) }, "wrong_token");
  throw new WaggleError("unauthenticated", "Cannot authenticate: the API token is wrong.");
}

/** `localhost:80` is `localhost`, `[::1]:80` is `[::1]`. */
function hostName(host: string): string {
  const bracketed = /^\[[^\]]*\]/.exec(host);
  return (bracketed?.[0] ?? host.split(":", 1)[0] ?? "").toLowerCase();
}
