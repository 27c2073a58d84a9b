// Owns the policy by which models share memory: which models may load now, which models must leave, and which must wait. Pure.

/** A model that is in memory, is being loaded, or is being unloaded. */
export interface Tenant {
  readonly key: string;
  readonly bytes: number;
  readonly phase: "loading" | "loaded" | "leaving";
  readonly pinned: boolean;
  /** Whether jobs need it that do not yield. */
  readonly busy: boolean;
  /** Whether any jobs need it, lane jobs included. */
  readonly hasJobs: boolean;
  /** Times of the last request and of loading, in ms of the same clock. Lane jobs are no requests; without one, -Infinity. */
  readonly usedAt: number;
  readonly loadedAt: number;
  /** Until when its last request keeps it loaded; Infinity: for ever. */
  readonly keptUntil: number;
}

export interface Budget {
  /** Undefined: no limit. */
  readonly bytes: number | undefined;
  readonly models: number;
  /** How long a model with jobs stays before another model may replace it, in ms. */
  readonly leastStayMs: number;
}

export type Admission =
  | { readonly kind: "fits" }
  /** Models to unload, in this order, each when its running jobs have ended. */
  | { readonly kind: "evict"; readonly keys: readonly string[] }
  /** Wait: other models are loading, leaving or were loaded recently. `untilMs` is when to check again, if nothing changes before. */
  | { readonly kind: "wait"; readonly untilMs: number | undefined }
  /** The model can never fit into the budget, or not together with the pinned models. */
  | { readonly kind: "never"; readonly reason: string };

/**
 * The least recently used idle models leave first. If that is not enough, models with jobs leave, in the order of their loads, but not before
 * `leastStayMs`: otherwise two models in use would only load in turn. Pinned models stay, and no model leaves without need.
 * @param isForLane whether only lane jobs want the model. For them, only models leave that have no jobs and that no request keeps
 */
export function admit(
  bytes: number,
  tenants: readonly Tenant[],
  budget: Budget,
  now: number,
  isForLane = false,
): Admission {
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
  const leavesAt = ({ hasJobs, keptUntil, loadedAt }: Tenant): number =>
    hasJobs ? Infinity : Math.max(keptUntil, loadedAt + budget.leastStayMs);
  const chosen: Tenant[] = [];
  for (const tenant of isForLane ? idle.filter((one) => leavesAt(one) <= now) : [...idle, ...ripe]) {
    chosen.push(tenant);
    if (fits(bytes, without(staying, chosen), budget))
      return { kind: "evict", keys: needed(bytes, chosen, staying, budget) };
  }
  if (isForLane) {
    const next = Math.min(...idle.map(leavesAt).filter((at) => at > now));
    return { kind: "wait", untilMs: next === Infinity ? undefined : next };
  }
  const next = busy[ripe.length];
  return { kind: "wait", untilMs: next === undefined ? undefined : next.loadedAt + budget.leastStayMs };
}

/** A small model that was chosen first may stay after all, if unloading a larger one is enough. */
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

/**
 * If `bytes` do not fit next to the tenants, returns the exceeded limit as the end of a sentence. Undefined if they fit.
 * @param who what the sentence calls the tenants
 */
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
