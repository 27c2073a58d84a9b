// The hive daemon's entry. It installs its signal handlers first, because the rest takes a while to load.
import { listenForSignals } from "@waggle/daemon/signals";

const signals = listenForSignals(process);
const { runHive } = await import("./run-hive.ts");
await runHive(process.argv.slice(2), process.env, signals);
