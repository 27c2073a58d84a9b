// The entry of `waggle-worker`.
import { runWorkerProcess } from "./process.ts";

await runWorkerProcess(process, process.argv.slice(2), process.env);
