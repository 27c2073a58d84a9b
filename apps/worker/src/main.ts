// The worker daemon's entry: hears signals first, since the rest takes a while to load, and then runs the worker with what it is told.
import { listenForSignals } from "./signals.ts";

const signals = listenForSignals(process);
const { runWorker } = await import("./run-worker.ts");
await runWorker(process.argv.slice(2), process.env, signals);
