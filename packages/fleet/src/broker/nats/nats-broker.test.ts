import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { sleep, systemClock } from "@waggle/async";
import { needs } from "@waggle/testing";
import { describe } from "vitest";
import { contractLimits, deniedTopics, longTests, type TestedStore } from "../../testing/broker-contract-world.ts";
import { describeBroker } from "../../testing/broker-contract.ts";
import { silent } from "../../testing/fleet.ts";
import { useNats } from "../../testing/nats.ts";
import type { Broker } from "../port.ts";
import { openBroker } from "./broker.ts";

const folder = mkdtempSync(path.join(tmpdir(), "waggle-nats-"));
const config = `
authorization: { users: [
  { user: all, password: x }
  { user: limited, password: x, permissions: { publish: { deny: "${deniedTopics}" } } }
] }
no_auth_user: all`;

function streamOf(store: TestedStore): string {
  const [first = "", bucket] = store.split(".");
  return bucket === undefined ? `WAGGLE_${first.toUpperCase()}` : `KV_waggle_${bucket}`;
}

describe("the broker", needs("nats-server"), () => {
  const nats = useNats({ folder, config });
  describeBroker(
    "NATS",
    async () => {
      const brokers: Broker[] = [];
      return {
        async connect(user) {
          const url = nats.url.replace("://", `://${user ?? "all"}:x@`);
          const options = { url, insecure: false, name: "test", log: silent, clock: systemClock, random: Math.random };
          const broker = openBroker({ ...options, limits: contractLimits });
          brokers.push(broker);
          await new Promise<void>((resolve) => {
            broker.onConnection((connected) => {
              if (connected) resolve();
            });
          });
          return broker;
        },
        advance: sleep,
        freeze: () => nats.server.signal("SIGSTOP"),
        thaw: () => nats.server.signal("SIGCONT"),
        stop: () => nats.server.stop(),
        start: () => nats.server.start(),
        async wipe() {
          for (const entry of readdirSync(folder)) rmSync(path.join(folder, entry), { recursive: true });
        },
        async deleteStore(store) {
          const connection = await connect({ servers: nats.url });
          const manager = await jetstreamManager(connection);
          await manager.streams.delete(streamOf(store));
          await connection.close();
        },
        async close() {
          for (const broker of brokers) await broker.close();
        },
      };
    },
    longTests,
  );
});
