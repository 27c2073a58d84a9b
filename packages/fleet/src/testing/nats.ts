// Owns what the tests of broker/nats share: a NATS server for each test file, and connections to it.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@waggle/async";
import { createProcessGroups, startNats, type NatsServer } from "@waggle/testing/harness";
import { afterAll, afterEach, beforeAll } from "vitest";
import { systemChance } from "../broker/chance.ts";
import { openBroker } from "../broker/nats/broker.ts";
import { openNatsLink, type ConnectionOptions, type NatsLink } from "../broker/nats/connection.ts";
import type { Broker } from "../broker/port.ts";
import { silent } from "./fleet.ts";

/** Functions to call after the test, in reverse order. */
const opened: (() => Promise<unknown>)[] = [];

interface NatsOfFile {
  readonly url: string;
  readonly server: NatsServer;
  /** Stops and starts the server. */
  restart(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Starts a NATS server for one test file.
 * @param config in nats-server's format
 */
export function useNats({ folder, config }: { readonly folder?: string; readonly config?: string } = {}): NatsOfFile {
  let server: NatsServer | undefined;
  const own = mkdtempSync(join(tmpdir(), "waggle-fleet-test-"));
  const there = (): NatsServer => {
    if (server === undefined) throw new Error("There is no NATS server yet");
    return server;
  };
  beforeAll(async () => {
    const configFile = join(own, "nats.conf");
    writeFileSync(configFile, config ?? "");
    server = await startNats(createProcessGroups("fleet-test"), {
      configFile,
      ...(folder === undefined ? {} : { folder }),
    });
  });
  afterEach(async () => {
    // A test may have frozen or stopped the server.
    there().signal("SIGCONT");
    await there().start();
    for (const close of opened.splice(0).toReversed()) await close();
  });
  afterAll(async () => await server?.[Symbol.asyncDispose]());
  return {
    get url() {
      return there().url;
    },
    get server() {
      return there();
    },
    async restart(signal) {
      await there().stop(signal);
      await there().start();
    },
  };
}

function optionsFor(url: string, more: Partial<ConnectionOptions>): ConnectionOptions {
  const own = { insecure: false, name: "test", log: silent, clock: systemClock, random: systemChance.next };
  return { url, ...own, ...more };
}

/** Resolves with a connection that is up. It is closed after the test. */
export async function connectTo(url: string, more: Partial<ConnectionOptions> = {}): Promise<Broker> {
  const broker = openBroker(optionsFor(url, more));
  opened.push(() => broker.close());
  await new Promise<void>((resolve) => {
    broker.onConnection((connected) => {
      if (connected) resolve();
    });
  });
  return broker;
}

export function openLink(url: string, more: Partial<ConnectionOptions> = {}): NatsLink {
  return openNatsLink(optionsFor(url, more));
}

/** Resolves with a connection that is up. It is closed after the test. */
export async function linkTo(url: string, more: Partial<ConnectionOptions> = {}): Promise<NatsLink> {
  const link = openLink(url, more);
  opened.push(() => link.close());
  await whenUp(link);
  return link;
}

/** Resolves when the connection is up or, with `wanted` false, lost. */
export async function whenUp(link: NatsLink, wanted = true): Promise<void> {
  await new Promise<void>((resolve) => {
    const forget = link.onChange((connected) => {
      if ((connected !== undefined) === wanted) resolve();
    });
    if (link.connected === wanted) resolve();
    opened.push(async () => forget());
  });
}
