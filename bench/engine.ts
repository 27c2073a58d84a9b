// What a token costs the engine's backend: tokens per second of explicit steps on a real model, for one slot and for all, in alternation.
//   node --conditions=waggle-source --import tsx bench/engine.ts [--slots 8] [--rounds 5] [--steps 200] [--threads 1] [--model path] [--json]
import { runWithOneThread } from "./lib/one-thread.ts";

await runWithOneThread(new URL("./lib/engine-steps.ts", import.meta.url));
