// Defines the id of one gateway process. A gateway's member record has its configured id, which a restart keeps; beats and the records of jobs and
// sessions have the id of the process, because a restarted gateway does not know the earlier process's jobs.
import type { Chance } from "../broker/chance.ts";

declare const isProcessId: unique symbol;
export type GatewayProcessId = string & { readonly [isProcessId]: true };

/** Digits that distinguish two processes with the same configured id. */
const processDigits = 12;

/** @param gatewayId the configured id */
export function newGatewayProcessId(gatewayId: string, chance: Chance): GatewayProcessId {
  return `${gatewayId} ${chance.id().slice(0, processDigits)}` as GatewayProcessId;
}
