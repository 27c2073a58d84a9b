// Connects this worker to the fleet: reports the models that can run jobs now, and answers queries about them.
import { createHash } from "node:crypto";
import type {
  FleetModelFile,
  MemberModel,
  ModelDescription,
  RunnableModel,
  WorkerAnswer,
  WorkerPort,
} from "@waggle/fleet";
import { abilitiesOf } from "@waggle/fleet";
import type { ClientAccounts } from "@waggle/front";
import { queryTimeoutMs } from "@waggle/jobs";
import type { Served } from "../report/served.ts";
import type { Model } from "../models/list/model.ts";
import { pictureAbility } from "../models/list/picture-ability.ts";
import type { Models } from "../models/list/models.ts";
import type { Report } from "../report/report.ts";

export interface FleetPortOptions extends Pick<WorkerPort, "moved"> {
  readonly id: string;
  readonly version: string;
  readonly models: Models;
  readonly served: Served;
  readonly accounts: Pick<ClientAccounts, "given">;
  readonly report: Pick<Report, "heartbeats" | "infoOf">;
}

/** Hash of every model of the fake backend, whose answers do not depend on a file. */
const fakeSha256 = createHash("sha256").update("waggle's fake backend").digest("hex");

export function createFleetPort({
  id,
  version,
  models,
  served,
  accounts,
  report,
  moved,
}: FleetPortOptions): WorkerPort {
  let sequence = 0;
  const heartbeat = report.heartbeats();

  function fleetModelFile({ current: host }: Model): FleetModelFile {
    const { modelSha256, templateSha256, modelFile } = host.fingerprints();
    const ability = pictureAbility(host);
    const isFake = host.info?.backend === "fake";
    return {
      modelSha256: modelSha256 ?? (isFake ? fakeSha256 : null),
      templateSha256: templateSha256 ?? null,
      modelFile: modelFile ?? null,
      vision: ability === undefined ? null : `${ability.projector} ${ability.bytes} ${ability.max_pixels}`,
    };
  }

  function slotsOf({ current: host, settings }: Model): number {
    return host.info?.slots ?? settings.slots;
  }

  function memberOf(entry: Model): MemberModel {
    return {
      name: entry.name,
      aliases: [...entry.aliases],
      isDefault: models.isDefault(entry),
      ready: entry.current.ready,
      slots: slotsOf(entry),
      revision: entry.current.loads.count,
      ...fleetModelFile(entry),
    };
  }

  function runnable(entry: Model): RunnableModel {
    return {
      name: entry.name,
      slots: slotsOf(entry),
      abilities: abilitiesOf(memberOf(entry)),
      free(forLane) {
        const { dispatcher, ready } = entry.current;
        const jobs = dispatcher.running + dispatcher.waiting + (forLane ? dispatcher.laneJobs : 0);
        return ready ? slotsOf(entry) - jobs : 0;
      },
      file: () => fleetModelFile(entry),
      async run(spec, listener) {
        const job = await models.router.submit(spec, { listener });
        accounts.given(spec.who.client);
        return { cancel: () => models.router.cancel(job, "client") };
      },
    };
  }

  function describe(entry: Model): ModelDescription {
    const { info, loads } = entry.current;
    // What was measured belongs to this machine, and the costs change all the time.
    const { step_costs: _, prompt_pieces: __, attention_costs: ___, ...shown } = report.infoOf(entry);
    return {
      ...fleetModelFile(entry),
      revision: loads.count,
      info: shown,
      status: served.statusOf(entry),
      engine:
        info === undefined
          ? null
          : {
              chatFormat: info.chatFormat,
              promptTexts: info.promptTexts,
              slots: info.slots,
              contextSize: info.contextSize,
            },
    };
  }

  return {
    id,
    version,
    moved,
    member: () => ({
      kind: "worker",
      id,
      heartbeat: heartbeat((sequence += 1)),
      models: models.entries().map(memberOf),
    }),
    models: () =>
      models
        .entries()
        .filter(({ current }) => current.ready)
        .map(runnable),
    async answer(question): Promise<WorkerAnswer> {
      const entry = models.named(question.model);
      switch (question.kind) {
        case "preflight": {
          const { cacheScope: client, sessionId, priority, work, prior } = question.job;
          const asked = { who: { client, sessionId }, when: { priority }, work, prior };
          const size = await entry.current.dispatcher.preflight(asked);
          return { kind: "preflight", size: size ?? null };
        }
        case "query": {
          // The worker waits as long as the gateway, also while the model loads again.
          const signal = AbortSignal.timeout(queryTimeoutMs);
          return { kind: "query", result: await served.of(entry).query(question.question, signal, question.client) };
        }
        case "describe":
          return { kind: "describe", description: describe(entry) };
      }
    },
  };
}
