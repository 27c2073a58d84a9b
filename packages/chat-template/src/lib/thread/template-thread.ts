// Owns the thread that renders: one message after the other, each answered.
import { parentPort } from "node:worker_threads";
import { cpuTimePath } from "./cpu-time.ts";
import { createTaskPerformer } from "./render-task.ts";
import type { ThreadReady, ThreadTask } from "./render-task.ts";

const perform = createTaskPerformer();

parentPort?.on("message", (task: ThreadTask) => parentPort?.postMessage(perform(task)));
parentPort?.postMessage({ kind: "ready", times: cpuTimePath() } satisfies ThreadReady);
