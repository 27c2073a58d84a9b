// Shares the engine's time between clients, and each client's time between its flows, whatever they compute. Knows no slot, clock or backend.
//
// Each client with work earns an equal part of the time of all passes and pieces. What it uses beyond this is its debt, what it gets too little a negative
// debt, up to a limit. A client with more debt than another one is left out of the rounds, and its debt shrinks. A client that is alone has no debt.
// Prompts are paid from a credit first: this time is not debt, and no other client earns it. What an idle client earns restores its credit. Of several
// clients that read prompts, each pays only its part, so that together they delay the others no more than one does. Decision 117.
import { isLane } from "@waggle/protocol";
import type { EngineJob } from "../port/messages.ts";

/** A client with this much more debt than another client with work is left out. A smaller difference does not divide a step, because shared steps are cheaper. */
const mostAheadMs = 250;
/**
 * The least debt of a client with work. Next to many clients that each use a little more than their share, a client that gets little falls behind sooner
 * than the others get ahead. It falls further than `mostAheadMs`, because short pauses between two requests of the others take away their debts.
 */
const leastDebtMs = -2 * mostAheadMs;
/** Clients, and flows of a client, whose debts are known; the smallest debt beyond them is forgotten. */
const mostAccounts = 1_000;
/** An owner that had no work for this long has left: it reads no next prompt. */
const betweenPromptsMs = 1_000;
/** Less is the rounding of a division. */
const leastSizeMs = 0.001;

/** The owner of work: the API token's name and, of this client, a session, or the jobs of a kind without a session. */
export interface Owner {
  readonly client: string;
  readonly flow: string;
}

/** Milliseconds that an owner's work took, divided by what they were used for. */
export interface Use {
  readonly owner: Owner;
  readonly promptMs: number;
  readonly otherMs: number;
}

export interface Shares {
  /** Records whose work could be computed from now on. */
  contend(atMs: number, owners: readonly Owner[]): void;
  /** @param creditMs milliseconds of prompts that a client may compute in addition to its share */
  charge(uses: readonly Use[], creditMs: number): void;
  /** Whether the owner's work is left out now. It never is for all owners with work. */
  waits(owner: Owner): boolean;
}

/** Lane jobs share what foreground jobs leave: this time is neither debt nor credit in the foreground. */
export type SharesByClass<S = Shares> = Readonly<Record<"foreground" | "lane", S>>;

export function sharesOf({ foreground, lane }: SharesByClass, job: Pick<EngineJob, "priority">): Shares {
  return isLane(job) ? lane : foreground;
}

export function ownerOf({ cacheScope, sessionId, work }: Pick<EngineJob, "cacheScope" | "sessionId" | "work">): Owner {
  return { client: cacheScope, flow: sessionId ?? work.kind };
}

type Times = Pick<Use, "promptMs" | "otherMs">;
const noTimes: Times = { promptMs: 0, otherMs: 0 };

interface Account {
  readonly debtMs: number;
  /** Part of the credit that is used. */
  readonly spentMs: number;
}

const noDebt: Account = { debtMs: 0, spentMs: 0 };

function sizeOf({ debtMs, spentMs }: Account): number {
  return Math.abs(debtMs) + spentMs;
}

interface Level {
  readonly isEmpty: boolean;
  contend(elapsedMs: number, names: ReadonlySet<string>): void;
  charge(uses: ReadonlyMap<string, Times>, creditMs: number): void;
  waits(name: string): boolean;
}

/** Shares time between clients, or between one client's flows. */
function createLevel(): Level {
  const accounts = new Map<string, Account>();
  let contending: ReadonlySet<string> = new Set();
  /** Those whose last time was for a prompt, also between two prompts, and how long each has had no work. */
  const reading = new Map<string, number>();
  /** The smallest debt of those with work. */
  let lowestMs = Infinity;

  function debtOf(name: string): number {
    return accounts.get(name)?.debtMs ?? 0;
  }

  /** @param leastMs what it earns beyond this debt restores its credit */
  function change(name: string, creditedMs: number, debtChangeMs: number, leastMs: number): void {
    const before = accounts.get(name) ?? noDebt;
    const debtMs = before.debtMs + debtChangeMs;
    const spentMs = before.spentMs + creditedMs + Math.min(0, debtMs - leastMs);
    const after = { debtMs: Math.max(leastMs, debtMs), spentMs: Math.max(0, spentMs) };
    if (sizeOf(after) > leastSizeMs) accounts.set(name, after);
    else accounts.delete(name);
    if (accounts.size > mostAccounts) forgetSmallest();
  }

  function findLowest(): void {
    lowestMs = Infinity;
    for (const name of contending) lowestMs = Math.min(lowestMs, debtOf(name));
  }

  function forgetSmallest(): void {
    const [[name]] = [...accounts].toSorted(([, a], [, b]) => sizeOf(a) - sizeOf(b)) as [[string, Account]];
    accounts.delete(name);
  }

  return {
    get isEmpty() {
      return accounts.size === 0;
    },
    contend(elapsedMs, names) {
      // An idle client earns what it would get if it had work too.
      const earnedMs = elapsedMs / (contending.size + 1);
      for (const name of [...accounts.keys()]) if (!contending.has(name)) change(name, 0, -earnedMs, 0);
      for (const [name, idleMs] of reading) {
        const nowMs = contending.has(name) || names.has(name) ? 0 : idleMs + elapsedMs;
        if (nowMs < betweenPromptsMs) reading.set(name, nowMs);
        else reading.delete(name);
      }
      contending = names;
      findLowest();
    },
    charge(uses, creditMs) {
      const owners = new Set([...contending, ...uses.keys()]);
      const used = [...uses].map(([name, { promptMs, otherMs }]) => ({ name, promptMs, usedMs: promptMs + otherMs }));
      for (const { name, promptMs, usedMs } of used) {
        if (promptMs > 0) reading.set(name, 0);
        else if (usedMs > 0) reading.delete(name);
      }
      let totalMs = used.reduce((sum, { usedMs }) => sum + usedMs, 0);
      const shareMs = totalMs / owners.size;
      const others = owners.size - 1;
      for (const { name, promptMs, usedMs } of used) {
        // Without this time, which no other client earns, it would have used its share.
        const beyondMs = others === 0 ? 0 : Math.max(0, usedMs - shareMs) * (owners.size / others);
        const leftMs = Math.max(0, creditMs - (accounts.get(name)?.spentMs ?? 0));
        const creditedMs = Math.min(Math.min(promptMs, beyondMs) / Math.max(1, reading.size), leftMs);
        change(name, creditedMs, usedMs - creditedMs, -Infinity);
        totalMs -= creditedMs;
      }
      for (const name of owners) change(name, 0, -totalMs / owners.size, leastDebtMs);
      findLowest();
    },
    waits: (name) => debtOf(name) > lowestMs + mostAheadMs,
  };
}

export function createShares(): Shares {
  const clients = createLevel();
  /** The flows of each client. */
  const flows = new Map<string, Level>();
  let contendedMs: number | undefined;

  function flowsOf(client: string): Level {
    const level = flows.get(client) ?? createLevel();
    flows.set(client, level);
    return level;
  }

  return {
    contend(atMs, owners) {
      const elapsedMs = atMs - (contendedMs ?? atMs);
      contendedMs = atMs;
      const names = new Map<string, Set<string>>();
      for (const { client, flow } of owners) names.set(client, (names.get(client) ?? new Set()).add(flow));
      clients.contend(elapsedMs, new Set(names.keys()));
      for (const [client, own] of names) flowsOf(client).contend(elapsedMs, own);
      for (const [client, level] of flows) {
        if (names.has(client)) continue;
        level.contend(elapsedMs, new Set());
        if (level.isEmpty || flows.size > mostAccounts) flows.delete(client);
      }
    },
    charge(uses, creditMs) {
      const byClient = new Map<string, Map<string, Times>>();
      for (const { owner, promptMs, otherMs } of uses) {
        const own = byClient.get(owner.client) ?? new Map<string, Times>();
        const before = own.get(owner.flow) ?? noTimes;
        own.set(owner.flow, { promptMs: before.promptMs + promptMs, otherMs: before.otherMs + otherMs });
        byClient.set(owner.client, own);
      }
      const totals = new Map<string, Times>();
      for (const [client, own] of byClient) {
        flowsOf(client).charge(own, creditMs);
        const times = [...own.values()];
        const sumOf = (kind: keyof Times): number => times.reduce((sum, each) => sum + each[kind], 0);
        totals.set(client, { promptMs: sumOf("promptMs"), otherMs: sumOf("otherMs") });
      }
      clients.charge(totals, creditMs);
    },
    waits: ({ client, flow }) => clients.waits(client) || (flows.get(client)?.waits(flow) ?? false),
  };
}
