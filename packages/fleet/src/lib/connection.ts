// Owns the connection to NATS: who may be talked to, that it comes back by itself, and that the streams and buckets are there.
import { isIP } from "node:net";
import { createBackoff, readText } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { reasonOf } from "@waggle/terminal";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { goodbye } from "./goodbye.ts";
import { ensureTopology, type Buckets, type FleetLimits } from "./topology.ts";

/** Waits before the 1st, 2nd … attempt to connect. */
const connectDelaysMs = [100, 250, 500, 1_000, 2_000];
const connectTimeoutMs = 3_000;
/** A server that does not answer two of these in a row is gone. */
const pingIntervalMs = 5_000;
/** How soon a client may ask again while NATS is away. */
const retryAfterS = 2;

export interface ConnectionOptions {
  /** `nats://` or `tls://`, several with commas between them. */
  readonly url: string;
  /** A file as `nsc` writes it. */
  readonly credsFile?: string | undefined;
  /** Lets a server on another machine be talked to in clear, or without credentials. */
  readonly insecure: boolean;
  /** What the server lists the connection as. */
  readonly name: string;
  readonly limits?: Partial<FleetLimits>;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Connected {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly buckets: Buckets;
}

export type ConnectionListener = (connected: Connected | undefined, first: boolean) => void;

export interface FleetConnection {
  readonly connected: boolean;
  /** @throws WaggleError unavailable while NATS cannot be reached */
  use(): Connected;
  /**
   * Calls back when a connection has come or gone, the streams and buckets being there. Subscriptions have to be made `first` time alone, which
   * is once for each `nc`; what lies with the server may have gone with it, and has to be looked after each time.
   */
  onChange(listener: ConnectionListener): () => void;
  /** Ends it, and every attempt; what was published before is on its way. */
  close(): Promise<void>;
}

/** Connects in the background, and again whenever it has to. @throws WaggleError invalid_argument where it must not */
export function openConnection(options: ConnectionOptions): FleetConnection {
  const { log, clock } = options;
  const target = targetOf(options);
  const backoff = createBackoff({ delaysMs: connectDelaysMs, jitter: 0.2 });
  const listeners = new Set<ConnectionListener>();
  let current: Connected | undefined;
  let up = false;
  let closing = false;
  let retry: TimerHandle | undefined;
  let opening: Promise<void> | undefined;
  /** Connections that have gone so far: what a restoration was begun for may be gone when it is through. */
  let departures = 0;

  function tell(first: boolean): void {
    for (const listener of listeners) listener(up ? current : undefined, first);
  }

  async function open(): Promise<void> {
    let nc: NatsConnection | undefined;
    try {
      nc = await connect(target);
      const jsm = await jetstreamManager(nc, { timeout: connectTimeoutMs });
      const buckets = await ensureTopology(nc, jsm, { ...options.limits, log });
      if (closing) return await nc.close();
      current = { nc, js: jetstream(nc, { timeout: connectTimeoutMs }), jsm, buckets };
    } catch (error) {
      await nc?.close().catch(() => {});
      if (closing) return;
      // A server that is not there yet is no defect: one line says so, and what follows from it.
      if (backoff.attempts === 0) {
        log.warn({ servers: target.shown }, `nats_unreachable: ${reasonOf(error)}; it is tried again`);
      }
      log.debug({ err: error }, "nats_attempt_failed");
      retry = clock.setTimeout(begin, backoff.next());
      return;
    }
    void watch(current.nc);
    isUp(true);
  }

  function begin(): void {
    opening = open();
  }

  function isUp(first: boolean): void {
    if (up || closing || current === undefined) return;
    up = true;
    backoff.reset();
    log.info({ server: current.nc.getServer(), nats: current.nc.info?.version }, "nats_connected");
    tell(first);
  }

  function isDown(server: string): void {
    departures += 1;
    retry?.cancel();
    if (!up) return;
    up = false;
    log.warn({ server }, "nats_disconnected");
    tell(false);
  }

  /** A server that has come back may have lost everything, or not be ready with it yet. */
  async function restore(departure: number): Promise<void> {
    if (current === undefined || closing || departure !== departures) return;
    const { nc, jsm } = current;
    try {
      await ensureTopology(nc, jsm, { ...options.limits, log });
      if (departure === departures) isUp(false);
    } catch (error) {
      if (closing || departure !== departures) return;
      if (backoff.attempts === 0) log.warn({ err: error }, "nats_not_ready");
      retry = clock.setTimeout(() => void restore(departure), backoff.next());
    }
  }

  async function watch(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") isDown(status.server);
      else if (status.type === "reconnect") void restore(departures);
      else if (status.type === "error") log.warn({ err: status.error }, "nats_error");
    }
    const why = await nc.closed();
    if (closing) return;
    isDown(nc.getServer());
    current = undefined;
    log.warn({ err: why ?? undefined }, "nats_closed");
    begin();
  }

  begin();
  return {
    get connected() {
      return up;
    },
    use() {
      if (up && current !== undefined) return current;
      throw new WaggleError("unavailable", "The fleet cannot be reached: there is no connection to NATS.", {
        retryAfterS,
      });
    },
    onChange(listener) {
      listeners.add(listener);
      if (up) listener(current, true);
      return () => listeners.delete(listener);
    },
    async close() {
      closing = true;
      retry?.cancel();
      // An attempt that comes through later closes what it has opened.
      await goodbye(opening);
      const left = current;
      current = undefined;
      const was = up;
      up = false;
      if (left === undefined) return;
      // What was published last is handed over, where there is anybody to take it.
      if (was) await goodbye(left.nc.flush());
      await goodbye(left.nc.close());
    },
  };
}

interface Target {
  readonly servers: string[];
  /** Without credentials. */
  readonly shown: readonly string[];
  readonly [option: string]: unknown;
}

/** @throws WaggleError invalid_argument */
function targetOf({ url, credsFile, insecure, name }: ConnectionOptions): Target {
  const urls = url.split(",").map((text) => parse(text.trim()));
  const [first] = urls;
  if (first === undefined) throw refused(url, "it names no server");
  const tls = urls.some(({ protocol }) => protocol === "tls:");
  const hasCredentials = credsFile !== undefined || first.username !== "";
  for (const { hostname } of urls) {
    if (insecure || isLoopback(hostname)) continue;
    if (!tls) throw refused(url, `${hostname} is another machine: use tls://, or say --nats-insecure`);
    if (!hasCredentials)
      throw refused(url, `${hostname} is another machine: give --nats-creds, or say --nats-insecure`);
  }
  const shown = urls.map(({ host }) => host);
  return {
    servers: shown,
    shown,
    name,
    timeout: connectTimeoutMs,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    ...(tls ? { tls: {} } : {}),
    ...credentialsOf(first),
    ...(credsFile === undefined ? {} : { authenticator: credsAuthenticator(readCreds(credsFile)) }),
  };
}

function parse(text: string): URL {
  const withScheme = text.includes("://") ? text : `nats://${text}`;
  if (!URL.canParse(withScheme)) throw refused(text, "it is no URL");
  const url = new URL(withScheme);
  if (url.protocol !== "nats:" && url.protocol !== "tls:") throw refused(text, "its scheme is neither nats nor tls");
  if (url.hostname === "") throw refused(text, "it names no server");
  if (url.port === "") url.port = "4222";
  return url;
}

/** A user alone is a token, as for NATS's own tools. */
function credentialsOf({ username, password, host }: URL): object {
  if (username === "") return {};
  try {
    const user = decodeURIComponent(username);
    return password === "" ? { token: user } : { user, pass: decodeURIComponent(password) };
  } catch {
    throw refused(host, "its credentials are not percent-encoded as in a URL");
  }
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** nsc writes two kilobytes. */
const mostCredsBytes = 1_048_576;

function readCreds(path: string): Uint8Array {
  try {
    return Buffer.from(readText(path, { maxBytes: mostCredsBytes }));
  } catch (error) {
    throw new WaggleError("invalid_argument", `Cannot read --nats-creds ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

function refused(url: string, why: string): WaggleError {
  const shown = url.replace(/(\/\/|^|,)[^,]*@/g, "$1");
  return new WaggleError("invalid_argument", `Cannot use --nats-url ${shown}: ${why}.`);
}
