// Defines what a member reaches at the modelled broker. The functions run there, when a request has arrived.
import type { Clock } from "@waggle/async";
import type { Bucket } from "../port.ts";
import type { JobStore } from "./job-store.ts";
import type { Connection } from "./link.ts";
import type { Store } from "./store.ts";

export type StoreName = "jobs" | "events" | "pictures" | `records.${Bucket}`;

/** A subscription of one connection. */
export interface Route {
  readonly connection: Connection;
  readonly pattern: string;
  /** Only one of the shared routes with a topic gets each question. */
  readonly shared: boolean;
  readonly deliver: (topic: string, data: Uint8Array, answer?: (data: Uint8Array) => void) => void;
}

export interface ModelServer {
  /** The time of the links and of the broker. */
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  now(): number;
  /** Whether the broker runs. It then keeps the connection until the connection or the broker ends. */
  accept(connection: Connection): boolean;
  /** Makes missing stores. */
  ensureStores(): void;
  /** @throws WaggleError unavailable for a missing store, which is made then */
  store(name: StoreName): Store;
  /** @throws WaggleError unavailable as `store` */
  jobs(): JobStore;
  /** Undefined if the store is missing. */
  presentJobs(): JobStore | undefined;
  denies(user: string, topic: string): boolean;
  readonly routes: Set<Route>;
  /** Sends to all routes with this topic. Returns their number. */
  publish(topic: string, data: Uint8Array, answer?: (data: Uint8Array) => void): number;
}
