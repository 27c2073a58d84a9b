// Defines the id of one gateway process. A gateway's member record has its configured id, which a restart keeps; beats and the records of jobs and
// sessions have the id of the process, because a restarted gateway does not know the earlier process's jobs.
import { randomBytes } from "node:crypto";

declare const isProcessId: unique symbol;
export type GatewayProcessId = string & { readonly [isProcessId]: true };

/** Random bytes that distinguish two processes with the same configured id. */
const processBytes = 6;

/** @param gatewayId the configured id */
export function newGatewayProcessId(gatewayId: string): GatewayProcessId {
  return `${gatewayId} ${randomBytes(processBytes).toString("hex")}` as GatewayProcessId;
}
