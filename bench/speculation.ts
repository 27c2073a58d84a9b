// What speculative decoding would gain: explicit steps with a predictor of tokens against plain ones, in alternation. Decision 014 has the
// answer, and this tells whether it still holds.
//   node --conditions=waggle-source --import tsx bench/speculation.ts [--slots 1,2,4,8] [--rounds 5] [--tokens 60] [--threads 1] [--model path]
import { runWithOneThread } from "./lib/one-thread.ts";

await runWithOneThread(new URL("../packages/engine-llama/src/testing/speculated-steps.ts", import.meta.url));
