// Keeps the hive's view of a fleet. The fleet's workers are in the same registry as workers that register over HTTP; its gateways are in
// a list. This file does not depend on NATS; nats.ts provides the members.
import { HeartbeatSchema, HiveGatewaySchema, hiveGatewaysLimit } from "@waggle/protocol";
import type { HiveEvent, HiveFleet } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { z } from "zod";
import type { WorkerRegistry } from "./workers.ts";

/** A member's description of itself, not validated. */
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
  /** The interval of a member's heartbeats. */
  readonly intervalMs: number;
  list(): readonly FleetMember[];
  /** Calls the listener when a member has joined, left or changed, and when the connection has opened or closed. */
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
  /** Present problems of members; each is logged once. */
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
        mistakes.add(`Cannot show the worker ${member.id} of the fleet: ${parseProblem(error)}`);
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
      mistakes.add(`Cannot show the gateway ${id} of the fleet: ${parseProblem(gateway.error)}`);
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

/** Returns only the first problem, because a member of another version may have many invalid fields. */
function parseProblem(error: unknown): string {
  const [first] = error instanceof z.ZodError ? error.issues : [];
  if (first !== undefined) return `${first.path.join(".")}: ${first.message}`;
  return error instanceof Error ? error.message : String(error);
}
