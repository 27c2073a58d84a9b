import { createFakeBackend } from "@waggle/engine";
import { createFakeKvSnapshots } from "@waggle/engine/testing";
import { parkContract } from "./park-contract.ts";

const messages = [{ role: "user", content: `[say:${encodeURIComponent("A bee flies to its flower. END.")}]` }] as const;
const saved = createFakeKvSnapshots();
parkContract("the fake backend", async () => createFakeBackend({ slots: 2, contextSize: 512, saved }), {
  jobs: {
    "an end of the model's own": { prompt: "[eog:19]" },
    "an end in the middle of a character": { prompt: "[unicode][eog:21] é" },
    "a stop string": { prompt: { kind: "messages", messages }, stop: ["END"], maxTokens: 60 },
    "a full context": { prompt: `[unicode] ${"x".repeat(450)}` },
  },
});
