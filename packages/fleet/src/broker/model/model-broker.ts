// Owns the modelled broker: its stores, its subscriptions, and the faults that a test can cause. It behaves as nats-server 2.9, as far as the port
// describes it, on a given clock and given random numbers: the same numbers give the same run.
//
// Left out: TLS and credentials; clusters and several servers; the limit of a message's size, except for answers; a limit of the bytes that wait for
// one member, and flow control; the library's buffer of messages while it reconnects (they are lost here); reads and trims in several requests (they
// are one here); permissions to read, and to use queues; the broker's own pings; the loss of single records by a crash of the broker.
import type { Clock } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Broker, Bucket } from "../port.ts";
import { bucketLifetimesMs, defaultFleetLimits, eventsAgeMs, picturesAgeMs, type FleetLimits } from "../stores.ts";
import { createJobStore, type JobStore } from "./job-store.ts";
import { createLink, type Connection, type Link, type LinkFaults } from "./link.ts";
import { createMember } from "./member.ts";
import { createMessages } from "./messages.ts";
import type { ModelServer, Route, StoreName } from "./server.ts";
import { createStore, type Store, type StoreLimits } from "./store.ts";
import { createEventLog, createPieceStore, createRecords, createWorkQueue } from "./stored.ts";
import { matches } from "./topics.ts";

/** A member notices after this time that a store which it follows was deleted. */
const lossNoticedMs = 10_000;
const usualEpochMs = 1_700_000_000_000;
/** NATS's usual limit of 1 MiB, without room for the headers. */
const usualMostBytes = 1_047_552;

export interface ModelBrokerOptions {
  readonly clock: Clock;
  /** Random numbers, uniform in [0, 1). */
  readonly random: () => number;
  /** The broker's time at the clock's 0, in milliseconds since 1970. */
  readonly epochMs?: number;
  readonly limits?: Partial<FleetLimits>;
  readonly mostBytes?: number;
}

export interface ModelMemberOptions {
  /** Names the member's link. A second member with this name gets a new link: it is a new process. */
  readonly name: string;
  /** The member's clock. Default: the broker's clock. */
  readonly clock?: Clock;
  /** Default: the name. */
  readonly user?: string;
}

export interface ModelBroker {
  connect(options: ModelMemberOptions): Broker;
  /** The link of the newest member with this name. @throws Error without such a member */
  link(name: string): LinkFaults;
  /**
   * Closes all connections, and accepts no others until `start`. The stores stay, without the ids of ended jobs.
   * @param lostMs as after a kill, the jobs that ended in the last milliseconds come back
   */
  stop(lostMs?: number): void;
  start(): void;
  /** Deletes all stores while the broker is stopped. */
  wipe(): void;
  /** Deletes the store with its queues. The next call that needs the store fails, and makes it again. */
  deleteStore(name: StoreName): void;
  /** Deletes all records of the store. */
  purge(name: StoreName): void;
  /** Makes the store as full as if its limit were its present size. */
  fill(name: StoreName): void;
  /** Ends `fill`. */
  unfill(name: StoreName): void;
  /** Lets a worker take a random taken job now. Returns whether there is one. */
  redeliver(): boolean;
  /**
   * Refuses to write to the topics of this pattern, and to subscribe to this pattern: `append` answers "denied", other messages of the user are
   * dropped. A record has the topic `records.<bucket>.<key>`.
   */
  deny(user: string, pattern: string): void;
  /** Ends `deny` for all patterns of the user. */
  allow(user: string): void;
  /** Number of jobs in the queue, waiting or taken. */
  readonly jobs: number;
}

export function createModelBroker({
  clock,
  random,
  epochMs = usualEpochMs,
  limits: given,
  mostBytes = usualMostBytes,
}: ModelBrokerOptions): ModelBroker {
  const limits = limitsOf({ ...defaultFleetLimits, ...given });
  const stores = new Map<StoreName, Store>();
  const connections = new Set<Connection>();
  const links = new Map<string, Link>();
  const denied = new Map<string, string[]>();
  const routes = new Set<Route>();
  let jobs: { readonly of: Store; readonly queue: JobStore } | undefined;
  let running = true;

  function presentJobs(): JobStore | undefined {
    const of = stores.get("jobs");
    if (of === undefined) return undefined;
    if (jobs?.of !== of) jobs = { of, queue: createJobStore(of, server.now) };
    return jobs.queue;
  }

  const server: ModelServer = {
    clock,
    now: () => epochMs + clock.now(),
    accept(connection) {
      if (running) connections.add(connection);
      return running;
    },
    ensureStores() {
      for (const [name, limit] of limits) if (!stores.has(name)) stores.set(name, createStore(server.now, limit));
    },
    store(name) {
      const store = stores.get(name);
      if (store !== undefined) return store;
      server.ensureStores();
      throw new WaggleError("unavailable", `The modelled broker has lost ${name}, and makes it again.`);
    },
    jobs() {
      server.store("jobs");
      return presentJobs() as JobStore;
    },
    presentJobs,
    denies: (user, topic) => denied.get(user)?.some((pattern) => matches(pattern, topic)) ?? false,
    routes,
    publish(topic, data, answer) {
      const shared: Route[] = [];
      let count = 0;
      for (const route of routes) {
        if (!route.connection.open) routes.delete(route);
        if (!route.connection.open || !matches(route.pattern, topic)) continue;
        count += 1;
        if (route.shared) shared.push(route);
        else route.deliver(topic, data, answer);
      }
      shared[Math.floor(random() * shared.length)]?.deliver(topic, data, answer);
      return count;
    },
  };

  function stop(lostMs = 0): void {
    running = false;
    presentJobs()?.restart(server.now() - lostMs);
    for (const connection of connections) connection.close();
    connections.clear();
  }

  const broker: ModelBroker = {
    connect({ name, clock: memberClock = clock, user = name }) {
      const link = createLink({ clock, random });
      links.set(name, link);
      const member = createMember({ server, link, clock: memberClock, user });
      const bucket = (of: Bucket) => createRecords(server, member, of);
      return {
        get connected() {
          return member.connected;
        },
        onConnection: member.onConnection,
        onDenied: member.onDenied,
        get mostBytes() {
          return member.now() === undefined ? Infinity : mostBytes;
        },
        now: member.now,
        messages: createMessages(server, member, mostBytes),
        jobs: createWorkQueue(server, member),
        events: createEventLog(server, member),
        pictures: createPieceStore(server, member),
        records: {
          members: bucket("members"),
          cancels: bucket("cancels"),
          sessions: bucket("sessions"),
          jobs: bucket("jobs"),
        },
        storeUse: async () =>
          await member.call(() => ({
            jobs: server.store("jobs").share(),
            pictures: server.store("pictures").share(),
          })),
        close: member.close,
      };
    },
    link(name) {
      const link = links.get(name);
      if (link === undefined) throw new Error(`There is no member ${name}`);
      return link;
    },
    stop,
    start: () => {
      running = true;
    },
    wipe: () => stores.clear(),
    deleteStore(name) {
      const { followers = [] } = stores.get(name) ?? {};
      stores.delete(name);
      for (const { onLost } of followers) clock.setTimeout(onLost, lossNoticedMs);
    },
    purge(name) {
      const store = stores.get(name);
      for (const { sequence } of store?.list(">") ?? []) store?.remove(sequence);
    },
    fill: (name) => stores.get(name)?.setFull(true),
    unfill: (name) => stores.get(name)?.setFull(false),
    redeliver: () => presentJobs()?.redeliver(random) ?? false,
    deny(user, pattern) {
      denied.set(user, [...(denied.get(user) ?? []), pattern]);
    },
    allow: (user) => void denied.delete(user),
    get jobs() {
      return stores.get("jobs")?.list(">").length ?? 0;
    },
  };
  return broker;
}

function limitsOf({ jobs, jobBytes, eventBytes, pictureBytes }: FleetLimits): Map<StoreName, StoreLimits> {
  const bucket = (name: Bucket): [StoreName, StoreLimits] => [
    `records.${name}`,
    { ageMs: bucketLifetimesMs[name], onePerTopic: true },
  ];
  return new Map<StoreName, StoreLimits>([
    ["jobs", { count: jobs, bytes: jobBytes }],
    ["events", { bytes: eventBytes, ageMs: eventsAgeMs, dropsOldest: true }],
    ["pictures", { bytes: pictureBytes, ageMs: picturesAgeMs, onePerTopic: true }],
    bucket("members"),
    bucket("cancels"),
    bucket("sessions"),
    bucket("jobs"),
  ]);
}
