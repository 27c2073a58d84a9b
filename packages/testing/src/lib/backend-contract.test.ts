import { createFakeBackend } from "@waggle/engine";
import { backendContract } from "./backend-contract.ts";

backendContract("the fake backend", async () => createFakeBackend({ slots: 3, contextSize: 256 }));
