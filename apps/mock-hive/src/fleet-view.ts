// Owns what the hive makes of a fleet's members: its workers go to the registry beside those that register here, its gateways are a list.
// It knows no NATS; where the members come from is nats's.
import { HeartbeatSchema, HiveGatewaySchema, hiveGatewaysLimit } from "@waggle/protocol";
import type { HiveEvent, HiveFleet } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { z } from "zod";
import type { WorkerRegistry } from "./workers.ts";

/** As it wrote it itself, unchecked. */
export type FleetMember =
  | { readonly kind: "worker"; readonly id: string; readonly heartbeat: unknown }
  | {
      readonly kind: "gateway";
      readonly id: string;
      readonly url: string;
      readonly startedAt: string;
      readonly jobs: number;
      readonly waiting?: number | undefined;
    };

export interface FleetMembers {
  readonly connected: boolean;
  /** How often each tells of itself. */
  readonly intervalMs: number;
  list(): readonly FleetMember[];
  /** Calls back when a member has come, left or told something, and when the connection has come or gone. */
  onChange(listener: () => void): () => void;
}

export interface FleetViewOptions {
  readonly members: FleetMembers;
  readonly registry: Pick<WorkerRegistry, "hear" | "lose">;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly onEvent: (event: HiveEvent) => void;
  readonly log: Logger;
}

export interface FleetView {
  current(): HiveFleet;
  close(): void;
}

export function createFleetView({ members, registry, wallClock, onEvent, log }: FleetViewOptions): FleetView {
  /** The last heartbeat of each worker, as text. */
  let heard = new Map<string, string>();
  let fleet: HiveFleet = { connected: false, gateways: [] };
  /** What was wrong with members, told once. */
  let wrong = new Set<string>();

  function update(): void {
    const mistakes = new Set<string>();
    const found = members.list();
    updateWorkers(found, mistakes);
    updateFleet(found, mistakes);
    for (const mistake of mistakes) if (!wrong.has(mistake)) log.warn(mistake);
    wrong = mistakes;
  }

  function updateWorkers(found: readonly FleetMember[], mistakes: Set<string>): void {
    const now = new Map<string, string>();
    for (const member of found) {
      if (member.kind !== "worker") continue;
      const text = JSON.stringify(member.heartbeat);
      now.set(member.id, text);
      if (heard.get(member.id) === text) continue;
      try {
        registry.hear(HeartbeatSchema.parse(member.heartbeat), members.intervalMs);
      } catch (error) {
        mistakes.add(`Cannot show the worker ${member.id} of the fleet: ${reasonOf(error)}`);
      }
    }
    for (const id of heard.keys()) if (!now.has(id)) registry.lose(id);
    heard = now;
  }

  function updateFleet(found: readonly FleetMember[], mistakes: Set<string>): void {
    const gateways = found.flatMap((member) => {
      if (member.kind !== "gateway") return [];
      const { id, url, startedAt, jobs, waiting } = member;
      const told = { gateway_id: id, url, started_at: startedAt, jobs, ...(waiting === undefined ? {} : { waiting }) };
      const gateway = HiveGatewaySchema.safeParse(told);
      if (gateway.success) return [gateway.data];
      mistakes.add(`Cannot show the gateway ${id} of the fleet: ${reasonOf(gateway.error)}`);
      return [];
    });
    const next: HiveFleet = { connected: members.connected, gateways: gateways.slice(0, hiveGatewaysLimit) };
    if (JSON.stringify(next) === JSON.stringify(fleet)) return;
    fleet = next;
    onEvent({ type: "fleet", at: new Date(wallClock()).toISOString(), fleet });
  }

  const forget = members.onChange(update);
  update();
  return { current: () => fleet, close: forget };
}

/** One line; a member of another version may be wrong in many ways. */
function reasonOf(error: unknown): string {
  const [first] = error instanceof z.ZodError ? error.issues : [];
  if (first !== undefined) return `${first.path.join(".")}: ${first.message}`;
  return error instanceof Error ? error.message : String(error);
}
