// Defines what the contract of the Broker needs of a tested broker, and the parts that its tests share.
import { expect, test } from "vitest";
import type { Broker, Bucket } from "../broker/port.ts";

export type TestedStore = "jobs" | "events" | "pictures" | `records.${Bucket}`;

export interface BrokerWorld {
  /** Resolves with a connected broker. @param user `limited` may not write to `deniedTopics`, and has no other limit */
  connect(user?: "limited"): Promise<Broker>;
  /** Lets this time pass, in milliseconds. */
  advance(ms: number): Promise<void>;
  /** The broker answers no member, as a stopped process, until `thaw`. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Deletes all stores while the broker is stopped. */
  wipe(): Promise<void>;
  /** Deletes one store while the broker runs. */
  deleteStore(name: TestedStore): Promise<void>;
  /** Called after each test. */
  close(): Promise<void>;
}

export const deniedTopics = "waggle.events.denied.>";
/** The limits of the tested broker's stores. Its stores may be older than a test. */
export const contractLimits = { jobs: 40, jobBytes: 1_000_000, eventBytes: 400_000, pictureBytes: 100_000 };

/** The tests that wait for minutes. A broker without virtual time leaves them out. */
export const longTests = {
  "a job's id is free again after two minutes": "waits for two minutes",
  "records of the log are deleted after two minutes": "waits for two minutes",
  "pieces are deleted after an hour": "waits for an hour",
  "members: a record is deleted at the end of its lifetime": "waits for 15 seconds",
  "cancels: a record is deleted at the end of its lifetime": "waits for an hour",
  "sessions: a record is deleted at the end of its lifetime": "waits for an hour",
  "jobs: a record is deleted at the end of its lifetime": "waits for an hour",
} as const;

const pollMs = 20;
export const stepMs = 1_000;
/** Limit of a question that gets its answer at once, also where all processes of the machine stop for a while. */
export const patienceMs = 60_000;
export const bucketNames: readonly Bucket[] = ["members", "cancels", "sessions", "jobs"];
export const unavailable: unknown = expect.objectContaining({ code: "unavailable" });

export function bytes(content: string | number): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : new Uint8Array(content);
}

export function textOf(data: Uint8Array | undefined): string | undefined {
  return data && Buffer.from(data).toString();
}

let names = 0;
/** A word that no other call in this process returns. */
export function unique(): string {
  names += 1;
  return `u${names}`;
}

/** What the tests use. */
export interface Contract {
  readonly world: () => BrokerWorld;
  /** Registers a test with a connected broker. */
  promise(title: string, run: (broker: Broker) => Promise<void>): void;
  until(isSo: () => boolean | Promise<boolean>): Promise<void>;
  /** Repeats a call that fails while the broker is away, or has just lost a store. */
  eventually<T>(call: () => Promise<T>): Promise<T>;
  /** Stops the broker and starts it again. Resolves when these members have noticed both. */
  restart(between?: () => Promise<void>, ...brokers: Broker[]): Promise<void>;
}

export function createContract(world: () => BrokerWorld, without: Readonly<Record<string, string>>): Contract {
  async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) await world().advance(pollMs);
  }

  /** Repeats a call that fails while the broker is away, or has just lost a store. */
  async function eventually<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        expect(error).toEqual(unavailable);
        await world().advance(pollMs);
      }
    }
  }

  async function restart(between?: () => Promise<void>, ...brokers: Broker[]): Promise<void> {
    await world().stop();
    await until(() => brokers.every(({ connected }) => !connected));
    await between?.();
    await world().start();
    await until(() => brokers.every(({ connected }) => connected));
  }

  return {
    world,
    until,
    eventually,
    restart,
    promise(title, run) {
      // The table says why this broker is not asked for it.
      const wanted = [title].filter((each) => !(each in without));
      test.each(wanted)("%s", async () => await run(await world().connect()));
    },
  };
}
