// Owns the connection to NATS. It checks which servers are allowed, reconnects after a loss, and ensures that the streams and buckets exist.
import { isIP } from "node:net";
import { createBackoff, inBackground, readText, withTimeout } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { errorReason } from "@waggle/daemon/terminal";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator, PermissionViolationError } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { attempt, isStoreMissing, isTimeout, natsRetryAfterS } from "./nats-errors.ts";
import { answerLimitMs } from "../port.ts";
import type { FleetLimits } from "../stores.ts";
import { ensureTopology, type Buckets, type Role } from "./topology.ts";

const restoring = "restore the connection";

/** Waits before the 1st, 2nd … attempt to connect. */
const connectDelaysMs = [100, 250, 500, 1_000, 2_000];
const connectTimeoutMs = 3_000;
/** Interval of pings. The connection counts as lost after two pings without an answer. */
const pingIntervalMs = 5_000;
/** Shortest time between two checks of the stores because NATS did not answer. */
const checkIntervalMs = 5_000;
/** Limit of the topics that are remembered as denied. */
const mostDenied = 100;
const creationPrefix = "$JS.API.STREAM.CREATE.";
/** How long the last messages may take when a member leaves. If NATS is slow, the other members notice the missing heartbeats. */
const lastMessagesTimeoutMs = 1_000;

export interface ConnectionOptions {
  /** One or more `nats://` or `tls://` URLs, separated by commas. */
  readonly url: string;
  /** Path of a credentials file in the format of `nsc`. */
  readonly credsFile?: string | undefined;
  /** Allows a server on another machine without TLS or credentials. */
  readonly insecure: boolean;
  /** The connection's name in the server's list. */
  readonly name: string;
  /** By default a gateway, which uses all streams and buckets. */
  readonly role?: Role;
  readonly limits?: Partial<FleetLimits>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Random numbers, uniform in [0, 1). */
  readonly random: () => number;
}

export interface Connected {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly buckets: Buckets;
  /** The first words of the topics of answers to this member. Each role has other ones, so that permissions can keep the answers private. */
  readonly inboxPrefix: string;
}

/** @param first true once for each `nc`: subscriptions survive a reconnect. What the server keeps, such as consumers, may be lost at each call. */
export type ConnectionListener = (connected: Connected | undefined, first: boolean) => void;

export interface NatsLink {
  readonly connected: boolean;
  /** @throws WaggleError unavailable while NATS cannot be reached */
  use(): Connected;
  /** Performs a request; if a store is missing, makes it again and repeats the request once. @throws WaggleError unavailable */
  call<T>(what: string, request: (connected: Connected) => Promise<T>): Promise<T>;
  /** Calls back when a connection is up, with its streams and buckets, when a connection or a store is lost, and when a store has been made again. */
  onChange(listener: ConnectionListener): () => void;
  onDenied(listener: (topic: string) => void): () => void;
  /** Makes missing stores. If a store was made again, also by another member, subscriptions begin again. @throws Error if NATS does not answer */
  checkStores(): Promise<void>;
  /** Flushes earlier messages, then closes the connection and stops all attempts to connect. */
  close(): Promise<void>;
}

/** Connects in the background, and reconnects after a loss. @throws WaggleError invalid_argument for a server that is not allowed */
export function openNatsLink(options: ConnectionOptions): NatsLink {
  const { log, clock, random, role = "gateway", limits } = options;
  const target = targetOf(options);
  const backoff = createBackoff({ delaysMs: connectDelaysMs, jitter: 0.2, random });
  const listeners = new Set<ConnectionListener>();
  const deniedListeners = new Set<(topic: string) => void>();
  const denied = new Set<string>();
  let current: Connected | undefined;
  let up = false;
  let closing = false;
  let retry: TimerHandle | undefined;
  let opening: Promise<void> | undefined;
  let checking: Promise<void> | undefined;
  /** When the stores of the present subscriptions were created. */
  let created = "";
  let checkedAt = -Infinity;
  /** Counts lost connections: a restoration that finishes after another loss is ignored. */
  let departures = 0;

  function notify(first: boolean): void {
    for (const listener of listeners) listener(up ? current : undefined, first);
  }

  async function open(): Promise<void> {
    let nc: NatsConnection | undefined;
    try {
      nc = await connect(target);
      const jsm = await jetstreamManager(nc, { timeout: answerLimitMs });
      const topology = await ensureTopology(nc, jsm, role, limits);
      if (closing) return await nc.close();
      ({ created } = topology);
      const { buckets } = topology;
      const { inboxPrefix } = target;
      current = { nc, js: jetstream(nc, { timeout: answerLimitMs }), jsm, buckets, inboxPrefix };
    } catch (error) {
      await nc?.close().catch(() => {});
      if (closing) return;
      // A server that has not started yet is not a defect, so the log gets one line without a stack.
      if (backoff.attempts === 0) log.warn({ servers: target.shown, reason: errorReason(error) }, "nats_unreachable");
      log.debug({ err: error }, "nats_attempt_failed");
      retry = clock.setTimeout(begin, backoff.next());
      return;
    }
    inBackground("watch the connection", watch(current.nc));
    isUp(true);
  }

  function begin(): void {
    opening = open();
  }

  function isUp(first: boolean): void {
    if (up || closing || current === undefined) return;
    up = true;
    denied.clear();
    backoff.reset();
    // A connection that was lost was reported at warn, so its return is reported at warn too.
    log[departures > 0 ? "warn" : "info"](
      { server: current.nc.getServer(), nats: current.nc.info?.version },
      "nats_connected",
    );
    notify(first);
  }

  function isDown(server: string): void {
    departures += 1;
    retry?.cancel();
    if (!up) return;
    up = false;
    log.warn({ server }, "nats_disconnected");
    notify(false);
  }

  /** Checks the streams and buckets after a reconnect: the server may have lost them, or may not have loaded them yet. */
  async function restore(departure: number): Promise<void> {
    if (current === undefined || closing || departure !== departures) return;
    const { nc, jsm } = current;
    try {
      const topology = await ensureTopology(nc, jsm, role, limits);
      if (departure !== departures) return;
      ({ created } = topology);
      isUp(false);
    } catch (error) {
      if (closing || departure !== departures) return;
      if (backoff.attempts === 0) log.warn({ err: error }, "nats_not_ready");
      retry = clock.setTimeout(() => inBackground(restoring, restore(departure)), backoff.next());
    }
  }

  function onError(error: Error): void {
    if (!(error instanceof PermissionViolationError)) return log.warn({ err: error }, "nats_error");
    const { subject, operation } = error;
    // Only gateways may create streams in packaging/nats/fleet.conf. The attempt has failed with an error that says so.
    if (denied.has(subject) || subject.startsWith(creationPrefix)) return;
    // The topics of jobs have no limit, so what is remembered has one.
    if (denied.size >= mostDenied) denied.clear();
    denied.add(subject);
    log.error({ topic: subject, operation }, "nats_permission_denied");
    for (const listener of deniedListeners) listener(subject);
  }

  /** Concurrent callers share one attempt. */
  async function checkStores(): Promise<void> {
    checking ??= check().finally(() => (checking = undefined));
    await checking;
  }

  async function check(): Promise<void> {
    const { nc, jsm } = use();
    const topology = await ensureTopology(nc, jsm, role, limits);
    const replaced = topology.created !== created;
    log.warn({ replaced }, "nats_stores_checked");
    ({ created } = topology);
    if (replaced && up) notify(false);
  }

  function use(): Connected {
    if (up && current !== undefined) return current;
    throw new WaggleError("unavailable", "Cannot reach the fleet: there is no connection to NATS.", {
      retryAfterS: natsRetryAfterS,
    });
  }

  async function watch(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") isDown(status.server);
      else if (status.type === "reconnect") inBackground(restoring, restore(departures));
      else if (status.type === "error") onError(status.error);
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
    use,
    call: async (what, request) =>
      await attempt(what, async () => {
        try {
          return await request(use());
        } catch (error) {
          const isMissing = isStoreMissing(error);
          if (!isMissing && !(isTimeout(error) && clock.now() - checkedAt >= checkIntervalMs)) throw error;
          checkedAt = clock.now();
          const checked = checkStores();
          if (isMissing) {
            await checked;
            return await request(use());
          }
          // A server that does not answer would delay the error by several limits.
          checked.catch(() => {});
          throw error;
        }
      }),
    checkStores,
    onDenied(listener) {
      deniedListeners.add(listener);
      return () => deniedListeners.delete(listener);
    },
    onChange(listener) {
      listeners.add(listener);
      if (up) listener(current, true);
      return () => listeners.delete(listener);
    },
    async close() {
      closing = true;
      retry?.cancel();
      // If an attempt to connect succeeds after this wait, the attempt closes its connection.
      await waitForLast(opening);
      const left = current;
      current = undefined;
      const was = up;
      up = false;
      if (left === undefined) return;
      // The last messages are flushed if a server takes them.
      if (was) await waitForLast(left.nc.flush());
      await waitForLast(left.nc.close());
    },
  };
}

/** Never throws. */
async function waitForLast(work: Promise<unknown> | undefined): Promise<void> {
  if (work !== undefined) await withTimeout(work, lastMessagesTimeoutMs, "").catch(() => {});
}

interface Target {
  readonly servers: string[];
  /** The server URLs without credentials, for the log. */
  readonly shown: readonly string[];
  readonly inboxPrefix: string;
  readonly [option: string]: unknown;
}

/** @throws WaggleError invalid_argument */
function targetOf({ url, credsFile, insecure, name, role = "gateway" }: ConnectionOptions): Target {
  const urls = url.split(",").map((text) => parse(text.trim()));
  const [first] = urls;
  if (first === undefined) throw refused(url, "it names no server");
  const tls = urls.some(({ protocol }) => protocol === "tls:");
  const hasCredentials = credsFile !== undefined || first.username !== "";
  for (const { hostname } of urls) {
    if (insecure || isLoopback(hostname)) continue;
    if (!tls) throw refused(url, `${hostname} is another machine: use tls://, or set --nats-insecure`);
    if (!hasCredentials) throw refused(url, `${hostname} is another machine: set --nats-creds or --nats-insecure`);
  }
  const shown = urls.map(({ host }) => host);
  return {
    servers: shown,
    shown,
    name,
    inboxPrefix: `_INBOX.${role}`,
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

/** A user name without a password is used as a token, as in NATS's tools. */
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

/** Largest accepted credentials file. nsc writes about two kilobytes. */
const mostCredsBytes = 1_048_576;

function readCreds(path: string): Uint8Array {
  try {
    return Buffer.from(readText(path, { maxBytes: mostCredsBytes }));
  } catch (error) {
    throw new WaggleError("invalid_argument", `Cannot read --nats-creds ${path}: ${errorReason(error)}`, {
      cause: error,
    });
  }
}

function refused(url: string, why: string): WaggleError {
  const shown = url.replace(/(\/\/|^|,)[^,]*@/g, "$1");
  return new WaggleError("invalid_argument", `Cannot use --nats-url ${shown}: ${why}.`);
}
