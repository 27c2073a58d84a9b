// Owns the settings of the gateways in a simulated fleet: the usual ones.
import type { GatewayLimits } from "../../gateway-jobs.ts";
import { parseConfig } from "../../config.ts";

const parsed = parseConfig(["--local-mode", "--nats-url", "nats://127.0.0.1:4222"], {});
if (parsed.kind === "exit") throw new Error(parsed.stderr);

export const gatewayLimits: GatewayLimits = parsed.config;
