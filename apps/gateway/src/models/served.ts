// Owns the front's view of the fleet's models: the workers' descriptions of their models, with the gateway's counts.
import type { ModelPrompts, ServedModel, ServedModels } from "@waggle/front";
import type { ModelDescription } from "@waggle/fleet";
import { findNamed, requireModel, unknownModel } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { ModelStateName, ModelStatus, SlotStatus, WorkerInfo } from "@waggle/protocol";
import type { Catalogue, FleetModel } from "./catalogue.ts";
import type { FleetHost } from "./fleet-host.ts";

const whose = "this fleet";

/** The gateway's facts, the same for every model. */
export type OwnFacts = Pick<
  WorkerInfo,
  | "worker_id"
  | "url"
  | "state"
  | "version"
  | "local_mode"
  | "gateway"
  | "queue_capacity"
  | "answer_window_ms"
  | "uptime_ms"
>;

export interface ServedOptions {
  readonly catalogue: Catalogue;
  /** Undefined once the model is gone. An old view of the model does not create its host again. */
  readonly findHost: (name: string) => FleetHost | undefined;
  readonly self: () => OwnFacts;
}

export interface Served extends ServedModels {
  /** The model in the gateway's description; undefined without models. */
  readonly main: ServedModel | undefined;
}

export function createServed({ catalogue, findHost, self }: ServedOptions): Served {
  /** Models that at least one worker has. */
  const present = (): readonly FleetModel[] => catalogue.models().filter(({ workers }) => workers.length > 0);

  function of({ name }: FleetModel): ServedModel {
    const model = (): FleetModel | undefined => catalogue.get(name);
    const requireHost = (): FleetHost => {
      const host = findHost(name);
      if (host === undefined) throw unknownModel(name, present(), whose);
      return host;
    };
    return {
      name,
      get aliases() {
        return [...(model()?.aliases ?? [])];
      },
      info: () => infoOf(name, model(), self()),
      status: () => fleetModelStatus(name, model(), { host: findHost(name), isDefault: implied()?.name === name }),
      lane: () => ({ slots: Math.max(1, slotsTotal(model())), isLoaded: stateOf(model()) === "ready" }),
      slots: () => slotsOf(model(), findHost(name)),
      chatFormat: async () => (await engineOf(name, "how the model's answers are written")).chatFormat,
      prompts: async () => await promptsOf(name),
      requireLoaded() {
        if (model()?.description?.engine == null) throw notLoaded("Cannot tell what the model is loaded with");
      },
      query: async (question, signal, client) => await requireHost().dispatcher.query(question, signal, client),
      get loading() {
        return requireHost().loading;
      },
    };
  }

  /** The known description of the model. If that description is missing or has no engine's facts, asks a worker for a new description. */
  async function descriptionOf(name: string): Promise<ModelDescription> {
    const known = catalogue.get(name)?.description;
    return known?.engine == null ? await catalogue.describe(name) : known;
  }

  async function engineOf(name: string, what: string): Promise<NonNullable<ModelDescription["engine"]>> {
    const { engine } = await descriptionOf(name);
    if (engine === null) throw notLoaded(`Cannot tell ${what}`);
    return engine;
  }

  async function promptsOf(name: string): Promise<ModelPrompts> {
    const { promptTexts } = await engineOf(name, "what the model's prompts are made of");
    const { modelFile } = await descriptionOf(name);
    return { ...promptTexts, fileName: modelFile ?? name };
  }

  /** The model for requests that name no model: the fleet's only model, or the only model that is a default. */
  function implied(models = present()): FleetModel | undefined {
    const defaults = models.filter((model) => model.isDefault);
    return models.length === 1 ? models[0] : defaults.length === 1 ? defaults[0] : undefined;
  }

  return {
    find(name) {
      const here = present();
      // A model without workers stays known for a while. A client that requests the model then gets an error that can be retried.
      const all = catalogue.models();
      const other = findNamed(all, name ?? "") ?? implied(here.length > 0 ? here : all);
      // Before the first heartbeat of a worker, the fleet's models are unknown.
      if (other === undefined && (all.length === 0 || (!name && here.length === 0))) throw noWorker();
      return of(requireModel(here, name, { implied: other, who: whose }));
    },
    all: () => present().map(of),
    fallback: undefined,
    statuses: () => ({ models: present().map((model) => of(model).status()) }),
    get main() {
      const model = implied() ?? present()[0];
      return model === undefined ? undefined : of(model);
    },
  };
}

function noWorker(): WaggleError {
  return new WaggleError("unavailable", "Cannot find the model: no worker is in the fleet now.");
}

function notLoaded(failed: string): WaggleError {
  return new WaggleError("unavailable", `${failed}: no worker has loaded it.`, { retryAfterS: 1 });
}

export function slotsTotal(model: FleetModel | undefined): number {
  return (model?.ready ?? []).reduce((sum, one) => sum + one.model.slots, 0);
}

/** The settings of a model that no worker has described. */
export const unknownSettings = { prefill_budget: null, max_token_gap_ms: null, guesses: false } as const;

function infoOf(name: string, model: FleetModel | undefined, self: OwnFacts): WorkerInfo {
  const { description, workers = [] } = model ?? {};
  return {
    ...unknownSettings,
    ...description?.info,
    ...self,
    model: name,
    backend: description?.info.backend ?? workers[0]?.member.heartbeat.backend ?? "llama",
    slots: Math.max(1, slotsTotal(model)),
  };
}

/** Computed from the workers. Only a worker with the model loaded sends a description, so a description never reports the model as unloaded. */
function stateOf(model: FleetModel | undefined): ModelStateName {
  return (model?.ready.length ?? 0) > 0 ? "ready" : "unloaded";
}

function fleetModelStatus(
  name: string,
  model: FleetModel | undefined,
  { host, isDefault }: { readonly host: FleetHost | undefined; readonly isDefault: boolean },
): ModelStatus {
  // Memory and expiry are facts of one machine; that machine reports them.
  const { memory: _, expires_at: __, leaving: ___, replacing: ____, ...status } = model?.description?.status ?? {};
  const total = slotsTotal(model);
  return {
    source: "file",
    keep_alive_s: null,
    loads: 0,
    pinned: false,
    ...status,
    name,
    aliases: [...(model?.aliases ?? [])],
    state: stateOf(model),
    deletable: false,
    default: isDefault,
    queued: host?.dispatcher.waiting ?? 0,
    ...(total === 0 ? {} : { slots: { total, busy: Math.min(total, host?.dispatcher.running ?? 0) } }),
  };
}

/** The slots of all workers of the model, filled with this gateway's jobs. The slot of each job and the jobs of other gateways are unknown here. */
function slotsOf(model: FleetModel | undefined, host: FleetHost | undefined): readonly SlotStatus[] {
  const running = (host?.registry.liveJobs() ?? []).flatMap(slotsOfJob);
  const total = Math.max(slotsTotal(model), running.length);
  return Array.from({ length: total }, (_, id) => ({
    id,
    ...(running[id] ?? { state: "idle" as const, prompt_tokens: 0, tokens: 0 }),
  }));
}

function slotsOfJob({ state, log }: Job): Omit<SlotStatus, "id">[] {
  const { phase, counts } = state;
  if (phase.name !== "running" && phase.name !== "ending") return [];
  const slot = phase.name === "ending" ? "releasing" : phase.stage === "decode" ? "decoding" : "prefilling";
  return state.sequences
    .filter(({ held }) => held)
    .map(({ uid }) => ({ state: slot, job_id: uid, prompt_tokens: counts.promptTokens, tokens: log.nextToken }));
}
