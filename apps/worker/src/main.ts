// The worker daemon's entry: runs the worker with what it is told.
import { runWorkerProcess } from "./process.ts";

await runWorkerProcess(process, process.argv.slice(2), process.env);
