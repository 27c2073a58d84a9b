// Owns the policy by which models share memory: who may load now, who has to leave for it, and who waits. Pure.

/** A model that is in memory, or on its way in or out. */
export interface Tenant {
  readonly key: string;
  readonly bytes: number;
  readonly phase: "loading" | "loaded" | "leaving";
  readonly pinned: boolean;
  /** It has jobs, running or waiting. */
  readonly busy: boolean;
  /** When it was asked for last, and when it was loaded, in ms of the same clock. */
  readonly usedAt: number;
  readonly loadedAt: number;
}

export interface Budget {
  /** Undefined: whatever fits. */
  readonly bytes: number | undefined;
  /** Most models in memory at the same time. */
  readonly models: number;
  /** How long a model that has jobs stays before another one may have its place, in ms. */
  readonly leastStayMs: number;
}

export type Placement =
  | { readonly kind: "fits" }
  /** These are to leave, in this order; each when its running jobs have ended. */
  | { readonly kind: "evict"; readonly keys: readonly string[] }
  /** Others are loading or leaving, or have only just come; `untilMs` is when to look again, if nothing happens before. */
  | { readonly kind: "wait"; readonly untilMs: number | undefined }
  /** It fits into the budget never, or not beside those that are pinned. */
  | { readonly kind: "never"; readonly reason: string };

/**
 * The least recently used idle ones leave first. Where that does not suffice, those that have jobs leave, the longest loaded first, but none that has
 * been here for less than `leastStayMs`: or two models that are both in use would do nothing but load. Nobody leaves who is pinned, and nobody in vain.
 */
export function place(bytes: number, tenants: readonly Tenant[], budget: Budget, now: number): Placement {
  const pinned = tenants.filter((tenant) => tenant.pinned);
  if (budget.bytes !== undefined && bytes > budget.bytes) {
    return { kind: "never", reason: `it takes ${mib(bytes)}, and the memory budget is ${mib(budget.bytes)}` };
  }
  const problem = shortage(bytes, pinned, budget, "pinned models");
  if (problem !== undefined) return { kind: "never", reason: problem };
  if (fits(bytes, tenants, budget)) return { kind: "fits" };
  const staying = tenants.filter(({ phase }) => phase !== "leaving");
  if (fits(bytes, staying, budget)) return { kind: "wait", untilMs: undefined };

  const loaded = staying.filter((tenant) => tenant.phase === "loaded" && !tenant.pinned);
  const idle = loaded.filter(({ busy }) => !busy).toSorted((a, b) => a.usedAt - b.usedAt);
  const busy = loaded.filter((tenant) => tenant.busy).toSorted((a, b) => a.loadedAt - b.loadedAt);
  const ripe = busy.filter(({ loadedAt }) => now - loadedAt >= budget.leastStayMs);
  const chosen: Tenant[] = [];
  for (const tenant of [...idle, ...ripe]) {
    chosen.push(tenant);
    if (fits(bytes, without(staying, chosen), budget))
      return { kind: "evict", keys: needed(bytes, chosen, staying, budget) };
  }
  const next = busy[ripe.length];
  return { kind: "wait", untilMs: next === undefined ? undefined : next.loadedAt + budget.leastStayMs };
}

/** A small one that was chosen first may stay after all, where a larger one leaves. */
function needed(
  bytes: number,
  chosen: readonly Tenant[],
  staying: readonly Tenant[],
  budget: Budget,
): readonly string[] {
  let kept = chosen;
  for (const tenant of chosen) {
    const fewer = kept.filter((other) => other !== tenant);
    if (fits(bytes, without(staying, fewer), budget)) kept = fewer;
  }
  return kept.map(({ key }) => key);
}

/** Which limit keeps so many bytes from fitting beside these, as the end of a sentence. @param who what they are called */
export function shortage(bytes: number, tenants: readonly Tenant[], budget: Budget, who: string): string | undefined {
  if (fits(bytes, tenants, budget)) return undefined;
  if (tenants.length >= budget.models) return `${who} take all ${budget.models} places of --max-loaded-models`;
  return `it takes ${mib(bytes)}, and ${who} hold ${mib(sum(tenants))} of a budget of ${mib(budget.bytes ?? 0)}`;
}

function fits(bytes: number, tenants: readonly Tenant[], budget: Budget): boolean {
  return tenants.length < budget.models && (budget.bytes === undefined || sum(tenants) + bytes <= budget.bytes);
}

function without(tenants: readonly Tenant[], gone: readonly Tenant[]): readonly Tenant[] {
  return tenants.filter((tenant) => !gone.includes(tenant));
}

function sum(tenants: readonly Tenant[]): number {
  return tenants.reduce((bytes, tenant) => bytes + tenant.bytes, 0);
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString("en")} MiB`;
}
