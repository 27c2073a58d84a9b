// Preloaded into a Node process. SIGUSR2 starts V8's sampling profiler on its main thread; at exit the profile is written into the folder
// BENCH_PROFILES. Node's --cpu-prof cannot be used: NODE_OPTIONS refuses it, and a worker chooses the flags of its engine process itself.
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

const intervalUs = 200;
const folder = process.env.BENCH_PROFILES;

if (isMainThread && folder !== undefined) {
  const session = new Session();
  process.once("SIGUSR2", () => {
    session.connect();
    session.post("Profiler.enable");
    session.post("Profiler.setSamplingInterval", { interval: intervalUs });
    session.post("Profiler.start");
  });
  process.on("exit", () => {
    // The session is on this thread, so the callback runs synchronously.
    session.post("Profiler.stop", (error, result) => {
      if (error === null) writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(result.profile));
    });
  });
}
