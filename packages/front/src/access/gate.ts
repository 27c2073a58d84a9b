// Owns the access checks of a request: Host, Origin and token, in that order, before any other code reads the request.
import { authenticate, checkHost, checkOrigin, checkSite, checkTarget, tokenOf } from "@waggle/daemon/access";
import type { Clock } from "@waggle/async";
import { localClient } from "@waggle/jobs";
import { llamaServerRoutes, workerRoutes } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { MiddlewareHandler } from "hono";
import type { AppContext, AppEnv, HttpAccess } from "../server/context.ts";
import { ignoredFieldsHeader } from "../body/ignored-fields.ts";
import { rateLimitHeaderNames } from "./rate-limit-headers.ts";
import { tokenFingerprint } from "@waggle/daemon/tokens";
import type { TokenRights } from "@waggle/daemon/tokens";

/** Response headers that clients read. A browser shows them to a page of another origin only if they are listed. */
const exposedHeaders = [
  ...["x-request-id", "request-id", "retry-after", "x-should-retry", "location", "idempotent-replayed"],
  ignoredFieldsHeader,
  ...rateLimitHeaderNames,
].join(", ");

/** At most one line of a wrong token is logged in this time. */
const wrongTokenIntervalMs = 1_000;

const openPaths: ReadonlySet<string> = new Set(
  Object.values<Route>({ ...workerRoutes, ...llamaServerRoutes })
    .filter((route) => route.open === true)
    .map((route) => route.path),
);

/**
 * Probes are open to every client. Static pages need a Host header with an accepted name. All other requests also need a token, except in local
 * mode.
 * @param isPage whether the method and path request a static page. Static pages contain no data
 */
export function createGate(
  access: HttpAccess,
  isPage: (method: string, path: string) => boolean,
  clock: Pick<Clock, "now">,
): MiddlewareHandler<AppEnv> {
  const logWrongToken = createWrongTokenLog(clock);
  return async (c, next) => {
    if (openPaths.has(c.req.path)) {
      enter(c, localClient, access);
      return await next();
    }
    // The lane has checked that the client still has a token.
    const lane = c.env?.lane;
    if (lane !== undefined) {
      enter(c, lane.client, access, access.tokens().rightsOf(lane.client));
      return await next();
    }
    const { headers } = c.req.raw;
    checkTarget(headers, c.env?.incoming?.url);
    checkHost(headers, access);
    const origin = checkOrigin(headers, { ...access, localPages: access.localMode });
    if (origin !== undefined) {
      c.header("access-control-allow-origin", origin);
      c.header("vary", "origin, access-control-request-headers");
      c.header("access-control-expose-headers", exposedHeaders);
    }
    // A preflight request never has a token, and its response contains only the result of the Origin check.
    if (c.req.method === "OPTIONS" && origin !== undefined) return preflight(c);
    const page = isPage(c.req.method, c.req.path);
    if (access.localMode) checkSite(headers, page);
    const open = access.localMode || page || isOpenScrape(c, access);
    if (open) enter(c, localClient, access);
    else {
      const client = authenticate(headers, access.tokens(), (token) => logWrongToken(c.get("log"), token));
      enter(c, client, access, access.tokens().rightsOf(client));
    }
    return await next();
  };
}

/** Strangers cause these lines, which count as the server's: more of them would evict the server's other lines. */
function createWrongTokenLog(clock: Pick<Clock, "now">): (log: Logger, token: string) => void {
  let loggedAt = -Infinity;
  let leftOut = 0;
  return (log, token) => {
    if (clock.now() - loggedAt < wrongTokenIntervalMs) {
      leftOut += 1;
      return;
    }
    const more = leftOut === 0 ? {} : { left_out: leftOut };
    log.warn({ fingerprint: tokenFingerprint(token), ...more }, "wrong_token");
    loggedAt = clock.now();
    leftOut = 0;
  };
}

/**
 * Whether the request reads the metrics without a token, and may do so. A token in the request is checked even if the metrics are open: the
 * token's rights decide which series the client sees.
 */
function isOpenScrape(c: AppContext, { openMetrics }: HttpAccess): boolean {
  if (!openMetrics || c.req.path !== workerRoutes.metrics.path) return false;
  return tokenOf(c.req.raw.headers) === undefined;
}

/** @param rights the rights of the request's token, if it has one */
function enter(c: AppContext, client: string, { localMode }: HttpAccess, rights?: TokenRights): void {
  c.set("client", client);
  c.set("admin", localMode || rights?.admin === true);
  c.set("monitor", localMode || rights?.monitor === true);
}

function preflight(c: AppContext): Response {
  c.header("access-control-allow-methods", "GET, POST, DELETE");
  // Allows all requested headers: the origin has passed the check, and clients send various headers.
  c.header("access-control-allow-headers", c.req.header("access-control-request-headers") ?? "");
  c.header("access-control-max-age", "600");
  // 200 as in llama-server: some clients accept no other status.
  return c.body(null, 200);
}
