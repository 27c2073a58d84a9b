// What speculative decoding would gain: explicit steps with a predictor of tokens against plain ones, in alternation. Decision 014 has the
// answer, and this tells whether it still holds. With one thread in the pool, as the engine runs in the worker.
//   node --conditions=waggle-source --import tsx bench/speculation.ts [--slots 1,2,4,8] [--rounds 5] [--tokens 60] [--threads 1] [--model path]
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const script = new URL("../packages/engine-llama/src/testing/speculated-steps.ts", import.meta.url);
const child = fork(fileURLToPath(script), process.argv.slice(2), {
  execArgv: ["--conditions=waggle-source", "--import", import.meta.resolve("tsx")],
  env: { UV_THREADPOOL_SIZE: "1" },
});
const [code] = (await once(child, "exit")) as [number | null];
process.exitCode = code ?? 1;
