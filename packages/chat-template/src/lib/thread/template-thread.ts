// Owns the thread that renders: one message after the other, each answered.
import { parentPort } from "node:worker_threads";
import { createTaskPerformer, threadReady } from "./render-task.ts";
import type { ThreadTask } from "./render-task.ts";

const perform = createTaskPerformer();

parentPort?.on("message", (task: ThreadTask) => parentPort?.postMessage(perform(task)));
parentPort?.postMessage(threadReady);
