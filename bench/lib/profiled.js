// Imported before a Node process's own code: profiles its main thread by sampling, from SIGUSR2 on, and leaves the profile at its exit in
// the folder that BENCH_PROFILES names. Node takes its own --cpu-prof neither from NODE_OPTIONS nor from a parent that names its child's flags.
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
    // The session is on the same thread, so the callback runs at once.
    session.post("Profiler.stop", (error, result) => {
      if (error === null) writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(result.profile));
    });
  });
}
