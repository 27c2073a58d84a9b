// Starts and closes the hive as a whole: registry, faults, feed and socket.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import { inBackground, systemClock } from "@waggle/async";
import type { TokenTable } from "@waggle/daemon/tokens";
import { listenError } from "@waggle/daemon/ports";
import { WaggleError, type HiveEvent } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { createHiveApp, errorResponse } from "./app.ts";
import type { HiveConfig } from "./config.ts";
import { createFaults } from "./faults.ts";
import { createFeed } from "./feed.ts";
import { createFleetView } from "./fleet-view.ts";
import { watchFleet } from "./nats.ts";
import { createWorkerRegistry } from "./workers.ts";

/** Limit of connections at a time; more are closed at once. */
const connectionsLimit = 2_000;
/** Time limit for unfinished answers when the hive closes. */
const closeGraceMs = 250;

export interface HiveOptions extends HiveConfig {
  /** Called for each request; returns undefined when the hive serves only this machine, without a token. */
  readonly tokens: () => TokenTable | undefined;
  readonly log: Logger;
}

export interface Hive {
  readonly url: string;
  /** Ends the feed's readers, then closes every connection after at most little more than `closeGraceMs`. The port is free afterwards. */
  close(): Promise<void>;
}

/** @throws ListenError; WaggleError for a NATS server that is not allowed */
export async function startHive(options: HiveOptions): Promise<Hive> {
  const { log, tokens, allowedHosts, allowedOrigins } = options;
  const clock = systemClock;
  const feed = createFeed({ clock });
  const onEvent = (event: HiveEvent): void => {
    logEvent(log, event);
    feed.publish(event);
  };
  const registry = createWorkerRegistry({ clock, wallClock: Date.now, onEvent });
  const faults = options.faults ? createFaults({ onForget: () => registry.forgetAll() }) : undefined;
  const { natsUrl: url, natsCreds: credsFile, natsInsecure: insecure } = options;
  const members = url === undefined ? undefined : await watchFleet({ url, credsFile, insecure, clock, log });
  const fleet =
    members === undefined ? undefined : createFleetView({ members, registry, wallClock: Date.now, onEvent, log });
  const app = createHiveApp({
    registry,
    faults,
    feed,
    fleet,
    log,
    access: { tokens, allowedHosts, allowedOrigins },
  });
  const answer = getRequestListener(app.fetch, {
    // Only an HTTP/1.0 request may have no Host; `checkHostAndOrigin` then refuses the request.
    hostname: "unknown",
    errorHandler: (error) => errorResponse(error instanceof RequestError ? unreadable(error) : WaggleError.from(error)),
  });
  const server = createServer((request, response) => inBackground("answer", answer(request, response)));
  server.maxConnections = connectionsLimit;
  await listen(server, options).catch(async (error: unknown) => {
    await members?.close();
    throw error;
  });

  return {
    url: urlOf(server),
    async close() {
      fleet?.close();
      await members?.close();
      registry.close();
      feed.close();
      const closed = once(server, "close");
      server.close();
      const force = setTimeout(() => server.closeAllConnections(), closeGraceMs);
      await closed;
      clearTimeout(force);
    },
  };
}

async function listen(server: Server, { host, port }: HiveOptions): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
    // A connection that the system cannot give fails alone.
    server.on("error", () => {});
  } catch (error) {
    throw await listenError(error, host, port);
  }
}

function unreadable(cause: RequestError): WaggleError {
  return new WaggleError("invalid_argument", "Cannot read the request: its URL or Host is invalid.", { cause });
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function logEvent(log: Logger, event: HiveEvent): void {
  switch (event.type) {
    case "snapshot":
      return;
    case "fleet":
      log.debug({ connected: event.fleet.connected, gateways: event.fleet.gateways.length }, "fleet");
      return;
    case "heartbeat":
      log.debug(
        { worker: event.heartbeat.worker_id, seq: event.heartbeat.seq, state: event.heartbeat.state },
        "heartbeat",
      );
      return;
    case "registered":
      log.info({ worker: event.worker.worker_id, url: event.worker.url, model: event.worker.model }, "registered");
      return;
    case "liveness":
      log.info({ worker: event.worker_id, liveness: event.liveness, was: event.was }, "liveness");
      return;
    case "command":
      log.info({ worker: event.worker_id, command: event.command }, "command");
      return;
    case "deregistered":
    case "removed":
    case "forgotten":
      log.info({ worker: event.worker_id }, event.type);
  }
}
