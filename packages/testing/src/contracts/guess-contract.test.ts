import { createFakeBackend } from "@waggle/engine";
import { guessContract } from "./guess-contract.ts";

guessContract("the fake backend", async () => createFakeBackend({ slots: 3, contextSize: 256 }), {
  ending: "Write nine words. [eog:9]",
});
