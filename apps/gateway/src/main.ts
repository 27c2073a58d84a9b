// The gateway daemon's entry. Signals are heard first, since the rest takes a while to load.
import { listenForSignals } from "@waggle/daemon/signals";

const signals = listenForSignals(process);
const { runGateway } = await import("./run-gateway.ts");
await runGateway(process.argv.slice(2), process.env, signals);
