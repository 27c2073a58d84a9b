import { createFakeBackend } from "@waggle/engine";
import { createFakeKvSnapshots } from "@waggle/engine/testing";
import { backendContract } from "./backend-contract.ts";
import { adaptersContract } from "./adapters-contract.ts";
import { statesContract } from "./kv-snapshots-contract.ts";

backendContract("the fake backend", async () => createFakeBackend({ slots: 3, contextSize: 256 }));

backendContract("a fake backend that copies slots", async () =>
  createFakeBackend({ slots: 3, contextSize: 256, contextPool: 600, copies: true }),
);

adaptersContract("the fake backend", async () => createFakeBackend({ slots: 2, contextSize: 256, adapters: [0.5] }));

const saved = createFakeKvSnapshots();
statesContract("the fake backend", async () => createFakeBackend({ slots: 3, contextSize: 256, saved }));
