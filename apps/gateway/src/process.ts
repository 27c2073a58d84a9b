// Owns how a gateway starts: as `waggle-gateway`, and as `waggle gateway`.
import { programStart } from "@waggle/daemon/signals";

const load = async () => (await import("./run-gateway.ts")).runGateway;

export const runGatewayProcess = programStart(load);

export const gateway = programStart(load, "waggle gateway");
